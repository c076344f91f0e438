#pragma once

namespace freeze_state {

/// The mode bits of a regular file that this process may execute, as stat(2) has them; -1 for anything else, and where
/// the system has no such bits.
int executableMode(const char* path) noexcept;

}  // namespace freeze_state

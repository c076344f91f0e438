#pragma once

#include <cstdint>

namespace freeze_state {

/// A random number that tells this process, and this copy of the library in it, from every other. Never 0, and the same
/// at every call. Any thread.
std::uint64_t processToken() noexcept;

}  // namespace freeze_state

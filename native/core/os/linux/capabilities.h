#pragma once

#include <cstdint>

/// Capabilities of processes (capabilities(7)), a bit each.
namespace freeze_state::capabilities {

/// Those that decide which processes one may signal and see, and to which control groups one may write.
std::uint64_t relevant() noexcept;

/// The effective ones of this thread; none where the kernel does not tell.
std::uint64_t effective() noexcept;

/// Has the relevant ones of this thread pass on to whatever it executes (the ambient set). Without that, only root's
/// do: the capabilities that a file has (setcap(8)) end with that program. Where it is forbidden, nothing changes.
void passOn() noexcept;

}  // namespace freeze_state::capabilities

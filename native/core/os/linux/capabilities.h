#pragma once

#include <cstdint>

/// Capabilities of processes (capabilities(7)), a bit each.
namespace freeze_state::capabilities {

/// CAP_KILL, CAP_DAC_OVERRIDE and CAP_SYS_PTRACE: they decide which processes one may signal and see, and to which
/// control groups one may write.
std::uint64_t relevant() noexcept;

/// The effective capabilities of this thread; 0 where the kernel does not tell.
std::uint64_t effective() noexcept;

/// Lets whatever this thread executes inherit the relevant capabilities that it is permitted (the ambient set).
/// Otherwise only root's are inherited: the capabilities of a file (setcap(8)) end with its program. Where the kernel
/// refuses, nothing changes.
void passOn() noexcept;

}  // namespace freeze_state::capabilities

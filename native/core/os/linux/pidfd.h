#pragma once

#include <cstdint>

#include "../../failure.h"

/// The system calls on pidfds, which older C libraries do not have.
namespace freeze_state::pidfd {

/// pidfd_open(2). Returns the descriptor, which is closed at an exec, or -1 with errno(3) set.
int open(Pid pid) noexcept;

/// pidfd_send_signal(2). Returns 0, or the errno(3).
int sendSignal(int fd, int signal, unsigned flags = 0) noexcept;

/// Whether the inode of a pidfd names its process, uniquely since boot: Linux 6.9, where they are files of pidfs. Opens
/// one to find out; false where it cannot.
bool haveInodes() noexcept;
/// The inode of a pidfd; 0 where it names nothing. Needs no other descriptor.
std::uint64_t inodeOf(int fd) noexcept;

/// PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9: to the process group that the process leads, or has led.
inline constexpr unsigned kProcessGroup = 1U << 2;

}  // namespace freeze_state::pidfd

#include "pidfd.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

// The numbers are the same on every architecture.
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

namespace freeze_state::pidfd {

int open(Pid pid) noexcept { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

int sendSignal(int fd, int signal, unsigned flags) noexcept {
  return syscall(SYS_pidfd_send_signal, fd, signal, nullptr, flags) == 0 ? 0 : errno;
}

}  // namespace freeze_state::pidfd

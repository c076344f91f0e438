#include "pidfd.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "process_files.h"

// The numbers are the same on every architecture.
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

namespace freeze_state::pidfd {

int open(Pid pid) noexcept {
  return ProcessFiles::withDescriptor([pid] { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); });
}

int sendSignal(int fd, int signal, unsigned flags) noexcept {
  return syscall(SYS_pidfd_send_signal, fd, signal, nullptr, flags) == 0 ? 0 : errno;
}

bool haveInodes() noexcept {
  static const bool have = [] {
    const int fd = open(getpid());
    if (fd < 0) return false;
    constexpr auto kPidfs = 0x50494446;  // PID_FS_MAGIC, <linux/magic.h>
    struct statfs system{};
    const bool isPidfs = fstatfs(fd, &system) == 0 && system.f_type == kPidfs;
    close(fd);
    return isPidfs;
  }();
  return have;
}

std::uint64_t inodeOf(int fd) noexcept {
  struct stat status{};
  return haveInodes() && fstat(fd, &status) == 0 ? status.st_ino : 0;
}

}  // namespace freeze_state::pidfd

#include "pidfd.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "../file_descriptor.h"
#include "kept_descriptors.h"

// The numbers are the same on every architecture.
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

namespace freeze_state::pidfd {

int open(Pid pid) noexcept {
  return kept_descriptors::withDescriptor([pid] { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); });
}

int sendSignal(int fd, int signal, unsigned flags) noexcept {
  return syscall(SYS_pidfd_send_signal, fd, signal, nullptr, flags) == 0 ? 0 : errno;
}

// Nothing is remembered: an answer that was given for lack of descriptors or memory would stay.
bool haveInodes() noexcept {
  const FileDescriptor self(open(getpid()));
  return self.isOpen() && inodeOf(self.get()) != 0;
}

std::uint64_t inodeOf(int fd) noexcept {
  constexpr auto kPidfs = 0x50494446;  // PID_FS_MAGIC, <linux/magic.h>
  struct statfs system{};
  struct stat status{};
  const bool isOfPidfs = fstatfs(fd, &system) == 0 && system.f_type == kPidfs;
  return isOfPidfs && fstat(fd, &status) == 0 ? status.st_ino : 0;
}

}  // namespace freeze_state::pidfd

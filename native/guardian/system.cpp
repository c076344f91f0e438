#include "system.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// The numbers are the same on every architecture.
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

namespace freeze_state::guardian {

namespace {

bool readStat(const char* path, ProcessStat& stat) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  std::array<char, 1024> text{};
  const ssize_t length = read(fd, text.data(), text.size() - 1);
  close(fd);
  // The name, in parentheses, may have any character.
  const char* const name = length > 0 ? std::strrchr(text.data(), ')') : nullptr;
  if (name == nullptr) return false;
  unsigned long long startTime = 0;
  // What the kernel has written needs no check of its range. NOLINTBEGIN(cert-err34-c)
  const int read =
      std::sscanf(name + 1,
                  " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d %llu %*u %*d %*u "
                  "%*u %*u %*u %*u %*u %lu",
                  &stat.state, &stat.parent, &stat.group, &stat.session, &stat.threads, &startTime, &stat.pending);
  // NOLINTEND(cert-err34-c)
  stat.startTime = startTime;
  return read == 7;
}

}  // namespace

bool isProcOurs() {
  std::array<char, 16> target{};
  return readlink("/proc/self", target.data(), target.size() - 1) > 0 &&
         std::strtol(target.data(), nullptr, 10) == getpid();
}

int openPidfd(int pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

bool signalPidfd(int fd, int signal, unsigned flags) {
  return syscall(SYS_pidfd_send_signal, fd, signal, nullptr, flags) == 0;
}

std::uint64_t inodeOf(int pidfd) {
  constexpr auto kPidfs = 0x50494446;  // PID_FS_MAGIC, <linux/magic.h>
  struct statfs system{};
  struct stat status{};
  const bool isPidfs = fstatfs(pidfd, &system) == 0 && system.f_type == kPidfs;
  return isPidfs && fstat(pidfd, &status) == 0 ? status.st_ino : 0;
}

bool readStat(int pid, ProcessStat& stat) {
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/stat", pid);
  return isProcOurs() && readStat(path.data(), stat);
}

bool hasThreadToDie(int pid) {
  ProcessStat before;
  if (!readStat(pid, before)) return false;
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/task", pid);
  const int directory = open(path.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return false;
  Entries threads(directory);
  int count = 0;
  bool isAny = false;
  while (threads.next()) {
    const long thread = std::strtol(threads.name(), nullptr, 10);
    if (thread <= 0) continue;
    ++count;
    std::snprintf(path.data(), path.size(), "/proc/%d/task/%ld/stat", pid, thread);
    ProcessStat one;
    constexpr unsigned long kKill = 1UL << (SIGKILL - 1);
    isAny = isAny || (readStat(path.data(), one) && (one.pending & kKill) != 0);
  }
  close(directory);
  // A thread that ends while they are listed may keep others from being listed.
  ProcessStat after;
  const bool isWhole = readStat(pid, after) && before.threads == count && after.threads == count;
  return isAny || !isWhole;
}

// Of struct linux_dirent64 (getdents64(2)).
constexpr std::size_t kLengthAt = 16;
constexpr std::size_t kTypeAt = 18;
constexpr std::size_t kNameAt = 19;

bool Entries::next() {
  if (next_ == end_) {
    const auto length = syscall(SYS_getdents64, directory_, entries_.data(), entries_.size());
    if (length <= 0) return false;
    next_ = 0;
    end_ = static_cast<std::size_t>(length);
  }
  at_ = next_;
  std::uint16_t length = 0;
  std::memcpy(&length, &entries_.at(at_ + kLengthAt), sizeof length);
  next_ += length;
  return true;
}

const char* Entries::name() const { return &entries_.at(at_ + kNameAt); }

bool Entries::isDirectory() const { return entries_.at(at_ + kTypeAt) == DT_DIR; }

std::size_t readEnvironment(int pid, char* into, std::size_t size) {
  if (!isProcOurs()) return 0;
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/environ", pid);
  const int fd = open(path.data(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  std::size_t length = 0;
  for (ssize_t some = 1; some > 0 && length < size; length += static_cast<std::size_t>(some)) {
    some = read(fd, into + length, size - length);
    if (some < 0) break;
  }
  close(fd);
  return length;
}

bool anyProcess(bool (*visit)(void* context, int pid), void* context) {
  DIR* const directory = isProcOurs() ? opendir("/proc") : nullptr;
  if (directory == nullptr) return false;
  bool isFound = false;
  while (!isFound) {
    const dirent* const entry = readdir(directory);
    if (entry == nullptr) break;
    const int pid = static_cast<int>(std::strtol(entry->d_name, nullptr, 10));
    isFound = pid > 0 && visit(context, pid);
  }
  closedir(directory);
  return isFound;
}

std::uint64_t effectiveCapabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> halves{};
  if (syscall(SYS_capget, &header, halves.data()) != 0) return 0;
  constexpr unsigned kBits = 32;
  return halves[0].effective | (std::uint64_t{halves[1].effective} << kBits);
}

void changeUser(const std::array<std::uint32_t, 3>& users, const std::array<std::uint32_t, 3>& groups,
                std::span<const std::uint32_t> others) {
  // The user last: the right to change the others goes with it.
  const bool hasOthers = setgroups(others.size(), others.data()) == 0;
  const bool hasGroups = setresgid(groups[0], groups[1], groups[2]) == 0;
  const bool hasUsers = setresuid(users[0], users[1], users[2]) == 0;
  if (!hasOthers || !hasGroups || !hasUsers) {
    // Without that right we can do no more than before, which was no more than the emulator could.
  }
}

void closeFrom(int first) {
  if (syscall(SYS_close_range, static_cast<unsigned>(first), ~0U, 0U) == 0) return;
  // Linux before 5.9. Closes up to the highest and not up to the limit, which may be a billion.
  int highest = -1;
  if (DIR* const open = opendir("/proc/self/fd"); open != nullptr) {
    while (const dirent* const entry = readdir(open))
      highest = std::max(highest, static_cast<int>(std::strtol(entry->d_name, nullptr, 10)));
    closedir(open);
  }
  if (highest < 0) highest = static_cast<int>(sysconf(_SC_OPEN_MAX));
  for (int fd = highest; fd >= first; --fd) close(fd);
}

void dropStandardDescriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(fd);
  // Each open(2) takes the lowest number that is free. Where there is no /dev/null they stay closed, and every file
  // that is opened is closed again before any code could write there.
  while (true) {
    const int fd = open("/dev/null", O_RDWR);
    if (fd < 0) return;
    if (fd > STDERR_FILENO) {
      close(fd);
      return;
    }
  }
}

void avoidOutOfMemory() {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, "-1000", 5) < 0) {
    // A plain user may not: then it is as likely to be ended as any other process of a megabyte.
  }
  close(fd);
}

}  // namespace freeze_state::guardian

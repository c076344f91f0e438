#include "process_table.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <span>
#include <utility>

#include "procfs.h"

namespace freeze_state {

namespace {

/// Appends the pids in a children file, which has one after the other, with spaces. Each piece is parsed before the
/// next is read: the youngest come last, and where they exit as fast as they are born, a moment counts.
int readChildren(Pid pid, Pid thread, std::vector<Pid>& list) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/task/%d/children", pid, thread);
  const int fd = open(path.data(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? ESRCH : errno;
  std::array<char, 4096> buffer;
  Pid child = 0;
  ssize_t length = 0;
  while ((length = read(fd, buffer.data(), buffer.size())) > 0) {
    for (const char byte : std::span(buffer).first(static_cast<std::size_t>(length))) {
      constexpr Pid kTen = 10;
      if (byte >= '0' && byte <= '9') {
        child = child * kTen + (byte - '0');
      } else if (child != 0) {
        list.push_back(std::exchange(child, 0));
      }
    }
  }
  const int error = length < 0 ? errno : 0;
  close(fd);
  return error;
}

}  // namespace

LinuxProcessTable::Means LinuxProcessTable::bestMeans() noexcept {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/task/%d/children", getpid(), getpid());
  return access(path.data(), R_OK) == 0 ? Means::Children : Means::Scan;
}

bool LinuxProcessTable::isKnown() const noexcept {
  proc::Stat own{};
  return proc::stat(getpid(), own) != ESRCH;
}

void LinuxProcessTable::startOver() noexcept {
  walk_.reset();
  asked_ = 0;
}

int LinuxProcessTable::beginPass(Deadline until) {
  if (means_ == Means::Children) return 0;
  const int error = scan(until);
  if (error != EAGAIN) walk_.reset();
  return error;
}

/// Whose child each process is.
int LinuxProcessTable::scan(Deadline until) {
  if (!walk_) {
    childrenOf_.clear();
    walk_.emplace("/proc");
  }
  for (Pid pid = 0; walk_->next(pid);) {
    proc::Stat stat{};
    const int error = proc::stat(pid, stat);
    if (error != 0 && error != ESRCH) return error;
    if (error == 0) childrenOf_.emplace(stat.parent, pid);
    if (hasPassed(until)) return EAGAIN;
  }
  return walk_->error();
}

int LinuxProcessTable::children(Pid pid, std::vector<Pid>& list, Deadline until) {
  if (asked_ != pid) {
    walk_.reset();
    proc::Stat stat{};
    if (const int error = proc::stat(pid, stat); error != 0) return error;
    if (means_ == Means::Scan) {
      const auto [first, last] = childrenOf_.equal_range(pid);
      for (auto child = first; child != last; ++child) list.push_back(child->second);
      return 0;
    }
    if (stat.threads <= 1) return readChildren(pid, pid, list);
  }
  const int error = childrenOfThreads(pid, list, until);
  asked_ = error == EAGAIN ? pid : 0;
  if (error != EAGAIN) walk_.reset();
  return error;
}

/// A child belongs to the thread that forked it, until that ends.
int LinuxProcessTable::childrenOfThreads(Pid pid, std::vector<Pid>& list, Deadline until) {
  if (!walk_) {
    std::array<char, 64> path{};
    std::snprintf(path.data(), path.size(), "/proc/%d/task", pid);
    walk_.emplace(path.data());
  }
  for (Pid thread = 0; walk_->next(thread);) {
    if (const int error = readChildren(pid, thread, list); error != 0 && error != ESRCH) return error;
    if (hasPassed(until)) return EAGAIN;
  }
  return walk_->error() == ENOENT ? ESRCH : walk_->error();
}

int LinuxProcessTable::relation(Pid pid, Relation& relation) {
  proc::Stat stat{};
  const int error = proc::stat(pid, stat);
  if (error != 0) return error;
  const bool isLeaderless = stat.state == 'Z' && stat.threads > 1;
  relation = {stat.parent, stat.state == 'T' || (isLeaderless && proc::look(pid) == ProcessState::Stopped)};
  return 0;
}

bool LinuxProcessTable::sharesMemory(Pid parent, Pid child) {
#ifdef SYS_kcmp
  // 0 is equal, 1 to 3 are an order.
  const auto order = syscall(SYS_kcmp, parent, child, KCMP_VM, 0, 0);
  return order == 0 || (order < 0 && errno != ESRCH);
#else
  return true;
#endif
}

void LinuxProcessTable::pause() {
  constexpr timespec kLittle{0, 20'000};
  nanosleep(&kLittle, nullptr);
}

}  // namespace freeze_state

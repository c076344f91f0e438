#include "proc_family.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <string>

#include "proc.h"

namespace freeze_state {

namespace {

/// Appends the pids in a children file, which has one after the other, with spaces.
int readChildren(Pid pid, Pid thread, std::vector<Pid>& list) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/task/%d/children", pid, thread);
  std::string text;
  if (const int error = proc::readAll(path.data(), text); error != 0) return error == ENOENT ? ESRCH : error;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    Pid child = 0;
    const auto [next, error] = std::from_chars(at, end, child);
    if (error == std::errc()) list.push_back(child);
    at = next + 1;
  }
  return 0;
}

}  // namespace

ProcFamily::Means ProcFamily::bestMeans() noexcept {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/task/%d/children", getpid(), getpid());
  return access(path.data(), R_OK) == 0 ? Means::Children : Means::Scan;
}

bool ProcFamily::isKnown() const noexcept {
  proc::Stat own{};
  return proc::stat(getpid(), own) != ESRCH;
}

int ProcFamily::beginPass() {
  if (means_ == Means::Children) return 0;
  childrenOf_.clear();
  proc::Numbers processes("/proc");
  for (Pid pid = 0; processes.next(pid);) {
    proc::Stat stat{};
    const int error = proc::stat(pid, stat);
    if (error != 0 && error != ESRCH) return error;
    if (error == 0) childrenOf_.emplace(stat.parent, pid);
  }
  return processes.error();
}

int ProcFamily::children(Pid pid, std::vector<Pid>& list) {
  proc::Stat stat{};
  if (const int error = proc::stat(pid, stat); error != 0) return error;
  if (means_ == Means::Scan) {
    const auto [first, last] = childrenOf_.equal_range(pid);
    for (auto child = first; child != last; ++child) list.push_back(child->second);
    return 0;
  }
  // A child belongs to the thread that forked it, until that ends.
  if (stat.threads <= 1) return readChildren(pid, pid, list);
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/task", pid);
  proc::Numbers threads(path.data());
  for (Pid thread = 0; threads.next(thread);) {
    if (const int error = readChildren(pid, thread, list); error != 0 && error != ESRCH) return error;
  }
  return threads.error() == ENOENT ? ESRCH : threads.error();
}

int ProcFamily::parent(Pid pid, Pid& parent) {
  proc::Stat stat{};
  const int error = proc::stat(pid, stat);
  if (error == 0) parent = stat.parent;
  return error;
}

void ProcFamily::pause() {
  constexpr timespec kLittle{0, 20'000};
  nanosleep(&kLittle, nullptr);
}

}  // namespace freeze_state

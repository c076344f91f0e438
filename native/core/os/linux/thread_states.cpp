#include "thread_states.h"

#include <optional>

#include "procfs.h"

namespace freeze_state::procfs {

namespace {

/// Whether `is` holds for any thread of the process; empty where that cannot be read.
template <typename Is>
std::optional<bool> isAnyThread(Pid pid, Is is) noexcept {
  ProcessEntry stat;
  if (read(pid, stat) != 0) return std::nullopt;
  if (stat.threads <= 1 || is(stat)) return is(stat);
  Threads threads(pid);
  for (Pid other = 0; threads.next(other);) {
    const int error = readThread(pid, other, stat);
    // A thread that is gone may have taken over the number of its process, by execve(2).
    if (error != 0) return std::nullopt;
    if (is(stat)) return true;
  }
  return threads.error() == 0 ? std::optional(false) : std::nullopt;
}

}  // namespace

bool isExiting(Pid pid) noexcept {
  const auto isAlive = [](const ProcessEntry& thread) { return !thread.hasThreadExited() && !thread.isExiting(); };
  return !isAnyThread(pid, isAlive).value_or(true);
}

bool delaysFreeze(Pid pid) noexcept {
  const auto isAwake = [](const ProcessEntry& thread) { return thread.state == 'R' || thread.state == 'D'; };
  return isAnyThread(pid, isAwake).value_or(false);
}

}  // namespace freeze_state::procfs

#pragma once

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace freeze_state::test {

// The scheduling class of the calling thread, by the system calls: the functions of these names answer ENOSYS in musl,
// since they are to be about processes.

/// A `SCHED_…`, or -1.
inline int classOfThread() noexcept { return static_cast<int>(syscall(SYS_sched_getscheduler, 0)); }

inline int priorityOfThread() noexcept {
  sched_param parameter{};
  return syscall(SYS_sched_getparam, 0, &parameter) == 0 ? parameter.sched_priority : -1;
}

/// Whether that was allowed.
inline bool enterClass(int policy, int priority = 0) noexcept {
  sched_param parameter{};
  parameter.sched_priority = priority;
  return syscall(SYS_sched_setscheduler, 0, policy, &parameter) == 0;
}

}  // namespace freeze_state::test

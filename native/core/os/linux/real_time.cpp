#include "../real_time.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rt_budget.h"

namespace freeze_state::real_time {

namespace {

// The system calls and not the functions of their names: on Linux pid 0 is the calling thread, which POSIX's functions
// do not mean, and so musl's answer ENOSYS.
int schedulerOfThread() noexcept { return static_cast<int>(syscall(SYS_sched_getscheduler, 0)); }

bool setSchedulerOfThread(int policy, int priority) noexcept {
  sched_param parameter{};
  parameter.sched_priority = priority;
  return syscall(SYS_sched_setscheduler, 0, policy, &parameter) == 0;
}

/// Whether real time is limited. Under a finite RLIMIT_RTTIME the time of all loops adds up, and ends us at last
/// (getrlimit(2)). Where all real-time threads together have a small budget (sched(7)), a loop would stall once it is
/// used up.
bool isShort() noexcept {
  rlimit time{};
  if (getrlimit(RLIMIT_RTTIME, &time) != 0 || time.rlim_cur != RLIM_INFINITY || time.rlim_max != RLIM_INFINITY)
    return true;
  return rt_budget::isSmall();
}

}  // namespace

Before enter() noexcept {
  // The kernel takes the timer slack of a real-time thread away, and gives it the default when it leaves (prctl(2)).
  const int slack = prctl(PR_GET_TIMERSLACK);
  const int policy = schedulerOfThread();
  const int plain = policy & ~SCHED_RESET_ON_FORK;
  if (policy < 0 || (plain != SCHED_OTHER && plain != SCHED_BATCH && plain != SCHED_IDLE)) return {};
  if (isShort()) return {};
  // SCHED_RESET_ON_FORK is part of the class and goes back with it.
  const int wanted = SCHED_FIFO | (policy & SCHED_RESET_ON_FORK);
  if (!setSchedulerOfThread(wanted, sched_get_priority_min(SCHED_FIFO))) return {};
  return {policy, slack};
}

void leave(const Before& before) noexcept {
  setSchedulerOfThread(before.policy, 0);
  if (before.slack > 0) prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(before.slack));
}

}  // namespace freeze_state::real_time

#include "../signal_loop.h"

#include "../child_stops.h"

#ifdef __linux__
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../rt_budget.h"
#endif

namespace freeze_state {

namespace {

#ifdef __linux__
// The system calls and not the functions of their names: on Linux pid 0 is the calling thread, which POSIX's functions
// do not mean, and so musl's answer ENOSYS.
int schedulerOfThread() noexcept { return static_cast<int>(syscall(SYS_sched_getscheduler, 0)); }

bool setSchedulerOfThread(int policy, int priority) noexcept {
  sched_param parameter{};
  parameter.sched_priority = priority;
  return syscall(SYS_sched_setscheduler, 0, policy, &parameter) == 0;
}

/// Whether time in a real-time class is short: by RLIMIT_RTTIME, which adds up over all loops, and ends us at last
/// (getrlimit(2)); or by what all real-time threads have together (sched(7)), without which the loop would stall.
bool isRealTimeShort() noexcept {
  rlimit time{};
  if (getrlimit(RLIMIT_RTTIME, &time) != 0 || time.rlim_cur != RLIM_INFINITY || time.rlim_max != RLIM_INFINITY)
    return true;
  return rt_budget::isSmall();
}

/// Returns the class to go back to, or -1 where the thread stays as it is: because it may not change, or because it
/// already is in a class that ordinary threads cannot preempt. SCHED_RESET_ON_FORK is part of the class and goes back
/// with it.
int enterRealTime() noexcept {
  const int policy = schedulerOfThread();
  const int plain = policy & ~SCHED_RESET_ON_FORK;
  if (policy < 0 || (plain != SCHED_OTHER && plain != SCHED_BATCH && plain != SCHED_IDLE)) return -1;
  if (isRealTimeShort()) return -1;
  const int wanted = SCHED_FIFO | (policy & SCHED_RESET_ON_FORK);
  return setSchedulerOfThread(wanted, sched_get_priority_min(SCHED_FIFO)) ? policy : -1;
}

/// The kernel takes the timer slack of a real-time thread away, and gives it the default when it leaves (prctl(2)).
int slackOfThread() noexcept { return prctl(PR_GET_TIMERSLACK); }

void leaveRealTime(int policy, int slack) noexcept {
  setSchedulerOfThread(policy, 0);
  if (slack > 0) prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(slack));
}
#else
int enterRealTime() noexcept { return -1; }
int slackOfThread() noexcept { return -1; }
void leaveRealTime(int, int) noexcept {}
#endif

}  // namespace

SignalLoop::SignalLoop(const LoopOptions& options, std::size_t processes) noexcept {
  child_stops::quiet();
  if (!options.boost || processes < kMany) return;
  oldSlack_ = slackOfThread();
  oldPolicy_ = enterRealTime();
}

SignalLoop::~SignalLoop() {
  if (oldPolicy_ >= 0) leaveRealTime(oldPolicy_, oldSlack_);
}

bool SignalLoop::canBoost() noexcept {
  const int slack = slackOfThread();
  const int policy = enterRealTime();
  if (policy < 0) return false;
  leaveRealTime(policy, slack);
  return true;
}

}  // namespace freeze_state

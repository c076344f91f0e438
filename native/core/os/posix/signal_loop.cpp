#include "../signal_loop.h"

#include <signal.h>

#ifdef __linux__
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace freeze_state {

namespace {

/// Adds SA_NOCLDSTOP to the disposition that stands and leaves its handler in place. With no handler there is nothing
/// to interrupt, so SIG_DFL and SIG_IGN are left alone: writing one back could undo a handler that another thread
/// sets at this moment. Writing a handler back cannot: libuv has one handler for all its life.
void quietChildStops() noexcept {
  struct sigaction action{};
  if (sigaction(SIGCHLD, nullptr, &action) != 0) return;
  const bool hasHandler =
      (action.sa_flags & SA_SIGINFO) != 0 || (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
  if (!hasHandler || (action.sa_flags & SA_NOCLDSTOP) != 0) return;
  action.sa_flags |= SA_NOCLDSTOP;
  sigaction(SIGCHLD, &action, nullptr);
}

#ifdef __linux__
// The system calls and not the functions of their names: on Linux pid 0 is the calling thread, which POSIX's functions
// do not mean, and so musl's answer ENOSYS.
int schedulerOfThread() noexcept { return static_cast<int>(syscall(SYS_sched_getscheduler, 0)); }

bool setSchedulerOfThread(int policy, int priority) noexcept {
  sched_param parameter{};
  parameter.sched_priority = priority;
  return syscall(SYS_sched_setscheduler, 0, policy, &parameter) == 0;
}

/// Returns the class to go back to, or -1 where the thread stays as it is: because it may not change, or because it
/// already is in a class that ordinary threads cannot preempt. SCHED_RESET_ON_FORK is part of the class and goes back
/// with it.
int enterRealTime() noexcept {
  const int policy = schedulerOfThread();
  const int plain = policy & ~SCHED_RESET_ON_FORK;
  if (policy < 0 || (plain != SCHED_OTHER && plain != SCHED_BATCH && plain != SCHED_IDLE)) return -1;
  const int wanted = SCHED_FIFO | (policy & SCHED_RESET_ON_FORK);
  return setSchedulerOfThread(wanted, sched_get_priority_min(SCHED_FIFO)) ? policy : -1;
}

void leaveRealTime(int policy) noexcept { setSchedulerOfThread(policy, 0); }
#else
int enterRealTime() noexcept { return -1; }
void leaveRealTime(int) noexcept {}
#endif

}  // namespace

SignalLoop::SignalLoop(const LoopOptions& options, std::size_t processes) noexcept {
  if (!options.childStopNotices) quietChildStops();
  if (options.boost && processes > 1) oldPolicy_ = enterRealTime();
}

SignalLoop::~SignalLoop() {
  if (oldPolicy_ >= 0) leaveRealTime(oldPolicy_);
}

bool SignalLoop::canBoost() noexcept {
  const int policy = enterRealTime();
  if (policy < 0) return false;
  leaveRealTime(policy);
  return true;
}

}  // namespace freeze_state

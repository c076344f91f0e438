#include "../processor.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace freeze_state::processor {

bool isAnotherAvailable() noexcept {
  constexpr pid_t kThisThread = 0;
  cpu_set_t ours;
  // Fails where the kernel knows more processors than fit in (1,024).
  if (sched_getaffinity(kThisThread, sizeof(ours), &ours) != 0 || CPU_COUNT(&ours) > 1) return true;
  cpu_set_t mainThreads;
  if (sched_getaffinity(getpid(), sizeof(mainThreads), &mainThreads) != 0) return true;
  return !CPU_EQUAL(&ours, &mainThreads);
}

void sleepBriefly(std::chrono::nanoseconds worked) noexcept {
  // Without this a sleep takes 50 us longer than it is asked to (timer slack, PR_SET_TIMERSLACK(2const)). A real-time
  // thread has none, and for it 0 would set the default. Not by prctl(3): the tests refuse its calls one by one, and
  // how often this sleeps is chance.
  const long slack = syscall(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0);
  if (slack > 1) syscall(SYS_prctl, PR_SET_TIMERSLACK, 1, 0, 0, 0);
  std::this_thread::sleep_for(restAfter(worked));
  if (slack > 1) syscall(SYS_prctl, PR_SET_TIMERSLACK, slack, 0, 0, 0);
}

}  // namespace freeze_state::processor

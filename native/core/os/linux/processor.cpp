#include "../processor.h"

#include <sched.h>
#include <unistd.h>

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

}  // namespace freeze_state::processor

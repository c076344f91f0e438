#include <unistd.h>

#include <cerrno>

#include "../signaller.h"
#include "pidfd_signaller.h"
#include "proc.h"
#include "start_time_signaller.h"

namespace freeze_state {

Signaller& systemSignaller() noexcept {
  // Never destroyed: states may outlive the static objects of this library at exit.
  static Signaller& chosen = []() -> Signaller& {
    if (PidfdSignaller::isAvailable()) return *new PidfdSignaller();
    // Only where there is no /proc: out of descriptors, it says nothing.
    proc::Stat own{};
    if (proc::stat(getpid(), own) != ESRCH) return *new StartTimeSignaller();
    return *new KillSignaller();
  }();
  return chosen;
}

}  // namespace freeze_state

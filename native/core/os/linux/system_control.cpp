#include <unistd.h>

#include <cerrno>

#include "../process_control.h"
#include "pidfd_control.h"
#include "procfs.h"
#include "start_time_control.h"

namespace freeze_state {

ProcessControl& systemControl() noexcept {
  // Never destroyed: states may outlive the static objects of this library at exit.
  static ProcessControl& chosen = []() -> ProcessControl& {
    if (PidfdControl::isAvailable()) return *new PidfdControl();
    // Only where there is no /proc: out of descriptors, it says nothing.
    ProcessEntry own;
    if (procfs::read(getpid(), own) != ESRCH) return *new StartTimeControl();
    return *new KillControl();
  }();
  return chosen;
}

}  // namespace freeze_state

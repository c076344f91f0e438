#include "../process_control.h"
#include "group_control.h"
#include "kill_control.h"
#include "pidfd_control.h"
#include "procfs.h"
#include "start_time_control.h"

namespace freeze_state {

ProcessControl& systemControl() noexcept {
  // Never destroyed: states may outlive the static objects of this library at exit.
  static ProcessControl& chosen = []() -> ProcessControl& {
    if (PidfdControl::isAvailable()) return *new PidfdControl();
    if (procfs::isOurs()) return *new StartTimeControl();
    return *new LinuxKillControl();
  }();
  return chosen;
}

GroupControl& systemGroupControl() noexcept {
  static LinuxGroupControl& only = *new LinuxGroupControl(systemControl());
  return only;
}

}  // namespace freeze_state

#include "../group_control.h"
#include "../process_control.h"
#include "kill_control.h"

namespace freeze_state {

ProcessControl& systemControl() noexcept {
  static KillControl& only = *new KillControl();
  return only;
}

GroupControl& systemGroupControl() noexcept {
  static GroupControl& only = *new GroupControl(systemControl());
  return only;
}

}  // namespace freeze_state

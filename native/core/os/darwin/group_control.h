#pragma once

#include "../group_control.h"

namespace freeze_state {

/// Signals process groups on macOS by kill(2), after a check that the number still is this group's. A group that has
/// only zombies left is gone.
class DarwinGroupControl : public GroupControl {
 public:
  using GroupControl::GroupControl;

 protected:
  int sendNumber(const Process& group, int signal) const noexcept final;
  /// kill(2) for the group of that number. Returns 0, or the errno(3): EPERM also where only zombies are left.
  virtual int killGroup(Pid group, int signal) const noexcept;
};

}  // namespace freeze_state

#pragma once

#include <doctest/doctest.h>

#include "../../core/os/linux/pidfd_control.h"
#include "../../core/os/linux/start_time_control.h"
#include "../../core/os/posix/kill_control.h"

namespace freeze_state::test {

/// Whether this kernel has what the control needs, and no filter forbids it. If not, a message says so.
template <typename ProcessControl>
bool isUsable() {
  return true;
}

template <>
inline bool isUsable<PidfdControl>() {
  if (PidfdControl::isAvailable()) return true;
  MESSAGE("skipped: no pidfds here");
  return false;
}

}  // namespace freeze_state::test

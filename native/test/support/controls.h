#pragma once

#include <doctest/doctest.h>

#include "../../core/os/linux/pidfd_control.h"
#include "../../core/os/linux/start_time_control.h"
#include "../../core/os/posix/kill_control.h"

namespace freeze_state::test {

/// Whether this kernel has it, and no filter forbids it; says so where not.
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

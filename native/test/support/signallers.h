#pragma once

#include <doctest/doctest.h>

#include "../../core/linux/pidfd_signaller.h"
#include "../../core/linux/start_time_signaller.h"
#include "../../core/posix/kill_signaller.h"

namespace freeze_state::test {

/// Whether this kernel has it, and no filter forbids it; says so where not.
template <typename Signaller>
bool isUsable() {
  return true;
}

template <>
inline bool isUsable<PidfdSignaller>() {
  if (PidfdSignaller::isAvailable()) return true;
  MESSAGE("skipped: no pidfds here");
  return false;
}

}  // namespace freeze_state::test

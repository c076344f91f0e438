#pragma once

#include "../failure.h"

/// What the states of all threads of a process say of a move and of a freeze of its control group.
namespace freeze_state::cgroup {

/// Whether every thread of the process has exited or is about to. The kernel does not move such a one, and says
/// nothing; it leaves by itself, which with much memory takes a while. False where that cannot be read.
bool isExiting(Pid pid);

/// Whether a thread of the process runs, or sleeps where no freeze reaches it, so that its group has not frozen. False
/// where that cannot be read.
bool delaysFreeze(Pid pid);

}  // namespace freeze_state::cgroup

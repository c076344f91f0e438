#pragma once

#include "process_table.h"

/// What the threads of a process do that a move or a freeze of its control group depends on.
namespace freeze_state::cgroup {

inline bool hasEnded(const ProcessEntry& thread) { return thread.state == 'Z' || thread.state == 'X'; }

/// Whether every thread of the process has ended or is about to. The kernel does not move such a one, and says nothing;
/// it leaves by itself, which with much memory takes a while. False where that cannot be read.
bool isExiting(Pid pid);

/// Whether a thread of the process runs, or sleeps where no freeze reaches it, so that its group has not frozen. False
/// where that cannot be read.
bool isAwake(Pid pid);

}  // namespace freeze_state::cgroup

#pragma once

#include "../../failure.h"

/// What the states of all threads of a process say, as `ProcessTable` tells of it.
namespace freeze_state::procfs {

bool isExiting(Pid pid) noexcept;
bool delaysFreeze(Pid pid) noexcept;

}  // namespace freeze_state::procfs

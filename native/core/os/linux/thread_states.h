#pragma once

#include "../../failure.h"

/// What the states of all threads of a process say: `ProcessTable::isExiting` and `ProcessTable::delaysFreeze`.
namespace freeze_state::procfs {

bool isExiting(Pid pid) noexcept;
bool delaysFreeze(Pid pid) noexcept;

}  // namespace freeze_state::procfs

#pragma once

#include <string>

/// How much of a processor's time real-time threads may use (sched(7)).
namespace freeze_state::rt_budget {

/// Whether real-time threads of the whole machine, or of the control group of the calling thread, have less than half
/// of each period. A loop that has used that up would stall until the next period. Read once for the machine and once a
/// thread: a thread that is moved to another group later is not noticed. Where descriptors or memory are too short to
/// read it, the answer is yes, and the next call asks again.
bool isSmall();

/// The directory of the group that a thread is in for the controller `cpu` of version 1; empty where none is visible.
/// Version 2 has no such budgets (CONFIG_RT_GROUP_SCHED). `cgroups`: the text of /proc/<tid>/cgroup; `mountinfo`: that
/// of the file of this name.
std::string groupOf(const std::string& cgroups, const std::string& mountinfo);

/// Whether that group has less than half of each period; false where nothing limits it.
bool isSmallIn(const std::string& group);

}  // namespace freeze_state::rt_budget

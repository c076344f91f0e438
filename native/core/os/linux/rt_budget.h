#pragma once

#include <string>

/// What real-time threads may use of a processor (sched(7)).
namespace freeze_state::rt_budget {

/// Whether real-time threads of the whole machine, or of the control group of the calling thread, have less than half
/// of each period: a loop that has used it up would stall until the next one. Read once for the machine and once a
/// thread: a thread that is moved to another group later is not noticed.
bool isSmall();

/// The directory of the group that the texts of /proc/<tid>/cgroup and of mountinfo give for the controller `cpu` of
/// version 1, which has such budgets (CONFIG_RT_GROUP_SCHED; version 2 has none); empty where none is visible.
std::string groupOf(const std::string& cgroups, const std::string& mountinfo);

/// Whether that group has less than half of each period; no where nothing limits it.
bool isSmallIn(const std::string& group);

}  // namespace freeze_state::rt_budget

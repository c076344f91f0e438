#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cgroupfs.h"

/// Finds the control group that a process is in: by /proc/<pid>/cgroup (cgroups(7)), or, where that does not tell, by
/// the file cgroup.threads of the groups.
namespace freeze_state::cgroup {

/// The path that /proc/<pid>/cgroup has for the hierarchy of version 2; empty where it has none. Returns 0, or the
/// errno(3): ESRCH where there is no such process.
int findPath(Pid pid, std::string& path);

/// The directory of the cgroup that the living threads of the process are in; empty where the mount does not show it.
/// Returns 0, or the errno(3): ESRCH where there is no such process. Any other says nothing about the process.
int findDirectory(Pid pid, const Mount& mount, std::string& directory);

/// Searches `top` and the directories below it for the one that lists the process or one of its threads; empty where
/// none does. Returns 0, or the errno(3) because of which that is unknown.
int searchDirectory(Pid pid, const std::string& top, std::string& directory);

/// `findDirectory`, or what a test puts in its place.
using FindDirectory = std::function<int(Pid, const Mount&, std::string&)>;
/// The directory of the cgroup that the process is in. Asks /proc, and searches `top` and the directories below it
/// where /proc does not tell: in a cgroup namespace over a mount from outside of it, for example, /proc has no path
/// that fits the mount. Empty where the process has ended, and where neither finds it. Returns 0, or the errno(3)
/// because of which that is unknown.
int locate(Pid pid, const Mount& mount, const std::string& top, std::string& directory,
           const FindDirectory& find = findDirectory);

/// Appends the processes in the directory and in those below it. The kernel lists a process whose first thread has
/// ended in the group of that thread. The process is left out here if none of its living threads is in that group.
/// Returns 0, or the first errno(3) because of which some may be missing.
int processes(const std::string& directory, const Mount& mount, std::vector<Pid>& pids);

/// Appends the ids of the living threads in the directory itself. Returns 0, or the errno(3).
int threads(const std::string& directory, std::vector<Pid>& ids);

}  // namespace freeze_state::cgroup

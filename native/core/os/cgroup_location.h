#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cgroupfs.h"

/// Which process is in which control group: by /proc/<pid>/cgroup, and where that does not tell, by the lists of the
/// groups.
namespace freeze_state::cgroup {

/// What /proc/<pid>/cgroup has for version 2; empty where it has nothing. Returns 0, or the errno(3).
int findPath(Pid pid, std::string& path);

/// The directory of the cgroup that the process is in, that is, its living threads; empty where the mount does not show
/// it. Returns 0, or the errno(3): ESRCH where there is no such process, and any other says nothing about it.
int findDirectory(Pid pid, const Mount& mount, std::string& directory);

/// In which directory, of `top` and those below it, the process or one of its threads is listed; empty where in none.
/// Returns 0, or the errno(3) for which it cannot be told.
int searchDirectory(Pid pid, const std::string& top, std::string& directory);

/// By /proc: `findDirectory`, or what a test has in its place.
using FindDirectory = std::function<int(Pid, const Mount&, std::string&)>;
/// The directory of the cgroup that the process is in: by /proc, or else by the lists of `top` and those below it. In a
/// cgroup namespace over a mount from outside of it, say, /proc tells nothing that fits the mount. Empty where the
/// process has ended, and where neither has it. Returns 0, or the errno(3) for which it cannot be told.
int locate(Pid pid, const Mount& mount, const std::string& top, std::string& directory,
           const FindDirectory& find = findDirectory);

/// The processes in it and in those below it. One whose first thread has ended is listed by the kernel in the group of
/// that thread. It is left out here if none of its living threads is in that group. Returns 0, or the first errno(3)
/// for which some may be missing.
int processes(const std::string& directory, const Mount& mount, std::vector<Pid>& pids);

/// The living threads in it alone, by their ids. Returns 0, or the errno(3).
int threads(const std::string& directory, std::vector<Pid>& ids);

}  // namespace freeze_state::cgroup

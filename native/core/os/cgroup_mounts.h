#pragma once

#include <optional>
#include <string>
#include <vector>

#include "../failure.h"

/// Where control groups are mounted, and under which directories and paths a group is known.
namespace freeze_state::cgroup {

/// Where the hierarchy is mounted, by /proc/self/mountinfo (proc_pid_mountinfo(5)); not every system has it at
/// /sys/fs/cgroup. `root` is the part of it that the mount shows.
struct Mount {
  std::string point;
  std::string root;
};
/// Finds the mount to use for a path. A machine may have several, in containers, for example: the innermost one that
/// shows the path is taken. For an empty path it is the first that shows our own cgroup. If none shows it, the first of
/// all is taken. Returns why there is none.
Failures findMount(const std::string& path, Mount& mount);
/// Chooses the mount out of these, as `findMount` does; empty where there are none. `own` is the path of our cgroup as
/// /proc/self/cgroup has it.
std::optional<Mount> chooseMount(std::vector<Mount> mounts, const std::string& path, const std::string& own);

/// Whether the item is in a comma-separated list.
bool hasItem(const std::string& list, const std::string& item);

/// Reads the mounts of version 2 out of the text of a mountinfo file. With `controller`, those of the hierarchy of
/// version 1 that has this controller.
std::vector<Mount> parseMounts(const std::string& mountinfo, const std::string& controller = {});

/// Whether a path is that directory or below it.
bool isWithin(const std::string& path, const std::string& directory);

/// The directory above it.
std::string parentOf(const std::string& directory);

/// The directory in which the mount shows the cgroup that has this path in /proc/<pid>/cgroup; empty where it does not
/// show that cgroup.
std::optional<std::string> directoryIn(const Mount& mount, std::string path);

}  // namespace freeze_state::cgroup

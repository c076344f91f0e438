#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../failure.h"

/// Control groups of version 2 (cgroups(7), and cgroup-v2 in the kernel's admin guide), as directories.
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

/// Read and write a file in the directory as a whole. Return 0, or the errno(3).
int read(const std::string& directory, const char* file, std::string& text);
int write(const std::string& directory, const char* file, const std::string& text);

/// Moves the process, with all its threads, into the directory (cgroup.procs). Returns 0, or the errno(3).
int join(const std::string& directory, Pid pid);

/// Appends the directories directly below this one. Returns 0, or the errno(3).
int groupsBelow(const std::string& directory, std::vector<std::string>& groups);

/// The value of `populated` or `frozen` in the text of a cgroup.events file; empty where there is no such line.
std::optional<bool> eventOf(std::string_view events, std::string_view name);

/// Whether the group may have processes of its own. One that has controllers enabled for its children may not, unless
/// all of these support threads and no group below has processes ("no internal processes" and "domain threaded" in
/// cgroups(7)). True where that cannot be read.
bool takesProcesses(const std::string& directory);

/// What is wrong with a directory as a cgroup to freeze; empty if nothing.
Failures whyUnfit(const std::string& directory, const Mount& mount);

/// Why nothing may be frozen or thawed in the directory: the first one, from this one up to the mount point, in which
/// cgroup.freeze is 1 (`CgroupFrozen`); or `ResourceExhausted` where that is unknown. Empty where none is frozen.
/// `pid`: the process that is to be in there.
Failures whyFrozen(const std::string& directory, const Mount& mount, Pid pid = 0);

/// A failure that refuses a group, or a process in it, and is not the answer of a system call.
Failure refusal(FailureCode code, const std::string& path, Pid pid = 0);

/// The failure of a call on a directory, or on a process in it, by its errno(3).
Failure failureOf(int error, const char* call, const std::string& path, Pid pid = 0);

/// The failure to move the process into the directory. EBUSY means `CgroupControllers`.
Failure moveFailure(int error, const std::string& directory, Pid pid);

/// Whether the errno(3) of a call on a group that was there before means that it was removed. A file that was opened
/// before answers ENODEV, and ENOENT while the removal is in progress.
constexpr bool meansRemoved(int error) noexcept { return error == ENOENT || error == ENODEV; }

/// The failure of a call on a group that was there before: `CgroupGone` where it was removed.
Failure laterFailure(int error, const char* call, const std::string& path, Pid pid = 0);

}  // namespace freeze_state::cgroup

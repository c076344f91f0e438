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
/// A machine may have several, in containers, say; the innermost one is taken that shows the path. No path: the first
/// that shows our own cgroup. Returns why there is none.
Failures findMount(const std::string& path, Mount& mount);
/// Chooses the mount out of these; `own` is our cgroup as /proc/self/cgroup has it.
std::optional<Mount> chooseMount(std::vector<Mount> mounts, const std::string& path, const std::string& own);

/// Whether the item is in a list that commas separate.
bool hasItem(const std::string& list, const std::string& item);

/// Reads the mounts out of the text of a mountinfo file. `controller`: those of the hierarchy of version 1 that has it.
std::vector<Mount> parseMounts(const std::string& mountinfo, const std::string& controller = {});

/// Whether a path is that directory or below it.
bool isWithin(const std::string& path, const std::string& directory);

/// The directory above it.
std::string parentOf(const std::string& directory);

/// Where the mount has a cgroup that /proc/<pid>/cgroup has by this path; nothing where it does not show it.
std::optional<std::string> directoryIn(const Mount& mount, std::string path);

/// Reads and writes the file of that name in the directory. Return 0, or the errno(3).
int read(const std::string& directory, const char* file, std::string& text);
int write(const std::string& directory, const char* file, const std::string& text);

/// Moves the process, with all its threads, into it. Returns 0, or the errno(3).
int join(const std::string& directory, Pid pid);

/// Those directly below it. Returns 0, or the errno(3).
int groupsBelow(const std::string& directory, std::vector<std::string>& groups);

/// The first frozen one of the directory and those above it, up to the mount point; empty where none is. Returns 0, or
/// the errno(3) for which it cannot be told.
int findFrozen(const std::string& directory, const Mount& mount, std::string& frozen);

/// Whether that is so by the text of a cgroup.events file: `populated` or `frozen`. Nothing where it has no such line.
std::optional<bool> eventOf(std::string_view events, std::string_view name);

/// Whether it may have processes of its own. One that hands controllers down may not, unless all of these are for
/// threads too and no group below has processes ("no internal processes" and "domain threaded" in cgroups(7)).
bool takesProcesses(const std::string& directory);

/// What is wrong with a directory as a cgroup to freeze; empty if nothing.
Failures whyUnfit(const std::string& directory, const Mount& mount);

/// Why a group, or a process in it, is refused: for a reason that is no answer of a system call.
Failure refusal(FailureCode code, const std::string& path, Pid pid = 0);

/// Why something about a directory, or a process in it, failed, by its errno(3).
Failure failureOf(int error, const char* call, const std::string& path, Pid pid = 0);

/// Why the process could not be moved into the directory.
Failure moveFailure(int error, const std::string& directory, Pid pid);

/// Why something about a group failed that was there before.
Failure laterFailure(int error, const char* call, const std::string& path, Pid pid = 0);

}  // namespace freeze_state::cgroup

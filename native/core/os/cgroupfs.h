#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../failure.h"
#include "cgroup_mounts.h"

/// Control groups of version 2 (cgroups(7), and cgroup-v2 in the kernel's admin guide), as directories.
namespace freeze_state::cgroup {

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

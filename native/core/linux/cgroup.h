#pragma once

#include <optional>
#include <string>
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
std::optional<Mount> findMount();

/// Reads the mount out of the text of a mountinfo file.
std::optional<Mount> parseMount(const std::string& mountinfo);

/// The directory of the cgroup that the process is in; nothing where that is not to be seen in the mount.
std::optional<std::string> directoryOf(Pid pid, const Mount& mount);

/// Reads and writes the file of that name in the directory. Return 0, or the errno(3).
int read(const std::string& directory, const char* file, std::string& text);
int write(const std::string& directory, const char* file, const std::string& text);

/// The processes in it, not in those below it.
int processes(const std::string& directory, std::vector<Pid>& pids);

/// The first of the directory and those above it, up to the mount point, that somebody froze; empty where none is.
std::string frozenAtOrAbove(const std::string& directory, const Mount& mount);

/// What is wrong with a directory as a cgroup to freeze; empty if nothing.
Failures whyUnfit(const std::string& directory, const Mount& mount);

/// Why something about a directory failed, by its errno(3).
Failure failureOf(int error, const char* call, const std::string& path);

}  // namespace freeze_state::cgroup

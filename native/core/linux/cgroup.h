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
/// A machine may have several, in containers, say; the innermost one is taken that shows the path. No path: the first.
std::optional<Mount> findMount(const std::string& path = "");

/// Reads the mounts out of the text of a mountinfo file.
std::vector<Mount> parseMounts(const std::string& mountinfo);

/// Whether a path is that directory or below it.
bool isWithin(const std::string& path, const std::string& directory);

/// The directory of the cgroup that the process is in; nothing where that is not to be seen in the mount.
std::optional<std::string> directoryOf(Pid pid, const Mount& mount);

/// Reads and writes the file of that name in the directory. Return 0, or the errno(3).
int read(const std::string& directory, const char* file, std::string& text);
int write(const std::string& directory, const char* file, const std::string& text);

/// The processes in it and in those below it.
void processes(const std::string& directory, std::vector<Pid>& pids);

/// The processes in it alone.
void directProcesses(const std::string& directory, std::vector<Pid>& pids);

/// Those directly below it.
std::vector<std::string> groupsBelow(const std::string& directory);

/// The first of the directory and those above it, up to the mount point, that somebody froze; empty where none is.
std::string frozenAtOrAbove(const std::string& directory, const Mount& mount);

/// What is wrong with a directory as a cgroup to freeze; empty if nothing.
Failures whyUnfit(const std::string& directory, const Mount& mount);

/// Why something about a directory failed, by its errno(3).
Failure failureOf(int error, const char* call, const std::string& path);

}  // namespace freeze_state::cgroup

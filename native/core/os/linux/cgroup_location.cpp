#include "../cgroup_location.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <string_view>
#include <utility>

#include "kernel_file.h"
#include "procfs.h"

namespace freeze_state::cgroup {

namespace {

/// A thread that tells where the process is: its first, unless that has ended before others. /proc shows a thread that
/// has ended in the cgroup where it ended, wherever the others go. Returns 0, or the errno(3).
int findLivingThread(Pid pid, Pid& thread) {
  thread = pid;
  ProcessEntry stat;
  if (const int error = procfs::read(pid, stat); error != 0) return error;
  if (!stat.hasThreadExited() || stat.threads <= 1) return 0;
  procfs::Threads threads(pid);
  for (Pid other = 0; threads.next(other);) {
    const int error = procfs::read(other, stat);
    if (error != 0 && error != ESRCH) return error;
    if (error == ESRCH || stat.hasThreadExited()) continue;
    thread = other;
    break;
  }
  return threads.error();
}

/// Whether what is asked about was removed, or has ended.
bool isGone(int error) { return error == ENOENT || error == ENODEV || error == ESRCH; }

/// The process by its own number, and by those of its other threads where /proc has them.
std::vector<Pid> threadsOf(Pid pid) {
  std::vector<Pid> ids{pid};
  procfs::Threads threads(pid);
  for (Pid id = 0; threads.next(id);) {
    if (id != pid) ids.push_back(id);
  }
  return ids;
}

/// `searchDirectory` by these threads.
// NOLINTNEXTLINE(misc-no-recursion): as deep as the hierarchy is
int search(const std::vector<Pid>& ids, const std::string& top, std::string& directory) {
  std::vector<Pid> listed;
  std::vector<std::string> groups;
  int error = threads(top, listed);
  if (std::ranges::find_first_of(listed, ids) != listed.end()) directory = top;
  if (error == 0 && directory.empty()) error = groupsBelow(top, groups);
  for (std::size_t i = 0; error == 0 && directory.empty() && i < groups.size(); ++i)
    error = search(ids, groups[i], directory);
  // A group that was removed meanwhile has no process in it.
  return isGone(error) ? 0 : error;
}

/// Appends the pids in a file of the directory. Returns 0, or the errno(3).
int pidsIn(const std::string& directory, const char* file, std::vector<Pid>& ids) {
  const FileDescriptor opened = kernel_file::open((directory + "/" + file).c_str());
  return opened.isOpen() ? kernel_file::readPids(opened.get(), ids) : errno;
}

}  // namespace

int findPath(Pid pid, std::string& path) {
  path.clear();
  std::string text;
  int error = 0;
  if (pid == getpid() && procfs::isOurs()) {
    error = kernel_file::readAll("/proc/thread-self/cgroup", text);
  } else {
    Pid thread = 0;
    error = findLivingThread(pid, thread);
    if (error == 0) error = kernel_file::readAll(("/proc/" + std::to_string(thread) + "/cgroup").c_str(), text);
  }
  if (error != 0) return isGone(error) ? ESRCH : error;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line) && path.empty();) {
    constexpr std::string_view kVersion2 = "0::";
    if (line.starts_with(kVersion2)) path = line.substr(kVersion2.size());
  }
  return 0;
}

int findDirectory(Pid pid, const Mount& mount, std::string& directory) {
  std::string path;
  const int error = findPath(pid, path);
  directory = directoryIn(mount, std::move(path)).value_or("");
  return error;
}

int searchDirectory(Pid pid, const std::string& top, std::string& directory) {
  directory.clear();
  return search(threadsOf(pid), top, directory);
}

int locate(Pid pid, const Mount& mount, const std::string& top, std::string& directory, const FindDirectory& find) {
  const int error = find(pid, mount, directory);
  const bool isUntold = error == ESRCH || (error == 0 && directory.empty());
  return isUntold ? searchDirectory(pid, top, directory) : error;
}

int threads(const std::string& directory, std::vector<Pid>& ids) { return pidsIn(directory, "cgroup.threads", ids); }

// NOLINTNEXTLINE(misc-no-recursion): as deep as the hierarchy is
int processes(const std::string& directory, const Mount& mount, std::vector<Pid>& pids) {
  int first = 0;
  const auto note = [&first](int error) {
    // Any other error means that no process is visible there.
    if (first == 0 && isOutOfResources(error)) first = error;
    return error == 0;
  };
  std::vector<Pid> listed;
  std::vector<Pid> living;
  std::vector<std::string> groups;
  note(pidsIn(directory, "cgroup.procs", listed));
  if (note(threads(directory, living))) {
    std::ranges::sort(living);
    std::erase_if(listed, [&](Pid pid) {
      if (std::ranges::binary_search(living, pid)) return false;
      std::string where;
      return note(locate(pid, mount, directory, where)) && !isWithin(where, directory);
    });
  }
  pids.insert(pids.end(), listed.begin(), listed.end());
  note(groupsBelow(directory, groups));
  for (const std::string& below : groups) note(processes(below, mount, pids));
  return first;
}

}  // namespace freeze_state::cgroup

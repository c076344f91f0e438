#include "rt_budget.h"

#include <cstdlib>
#include <optional>
#include <sstream>

#include "../cgroupfs.h"
#include "procfs.h"

namespace freeze_state::rt_budget {

namespace {

/// Microseconds; empty where the file cannot be read.
std::optional<long> timeIn(const std::string& path) {
  std::string text;
  if (procfs::readAll(path.c_str(), text) != 0 || text.empty()) return std::nullopt;
  return std::strtol(text.c_str(), nullptr, 10);
}

/// A runtime of -1 is all of the period.
bool isLessThanHalf(const std::string& runtimeFile, const std::string& periodFile) {
  const auto runtime = timeIn(runtimeFile);
  const auto period = timeIn(periodFile);
  return runtime && period && *runtime >= 0 && *runtime < *period / 2;
}

}  // namespace

std::string groupOf(const std::string& cgroups, const std::string& mountinfo) {
  std::istringstream lines(cgroups);
  for (std::string line; std::getline(lines, line);) {
    // 4:cpu,cpuacct:/path
    const auto controllers = line.find(':');
    const auto path = line.find(':', controllers + 1);
    if (controllers == std::string::npos || path == std::string::npos) continue;
    if (!cgroup::hasItem(line.substr(controllers + 1, path - controllers - 1), "cpu")) continue;
    for (const cgroup::Mount& mount : cgroup::parseMounts(mountinfo, "cpu")) {
      if (const auto directory = cgroup::directoryIn(mount, line.substr(path + 1)); directory) return *directory;
    }
  }
  return {};
}

bool isSmallIn(const std::string& group) {
  return !group.empty() && isLessThanHalf(group + "/cpu.rt_runtime_us", group + "/cpu.rt_period_us");
}

bool isSmall() {
  static const bool isSmallHere =
      isLessThanHalf("/proc/sys/kernel/sched_rt_runtime_us", "/proc/sys/kernel/sched_rt_period_us");
  thread_local const bool isSmallInGroup = [] {
    std::string cgroups;
    std::string mountinfo;
    const bool isRead = procfs::readAll("/proc/thread-self/cgroup", cgroups) == 0 &&
                        procfs::readAll("/proc/self/mountinfo", mountinfo) == 0;
    return isRead && isSmallIn(groupOf(cgroups, mountinfo));
  }();
  return isSmallHere || isSmallInGroup;
}

}  // namespace freeze_state::rt_budget

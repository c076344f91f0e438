#include "rt_budget.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "../../failure.h"
#include "../cgroupfs.h"
#include "kernel_file.h"

namespace freeze_state::rt_budget {

namespace {

/// Empty where descriptors or memory are too short to find out.
using Answer = std::optional<bool>;

/// The files have microseconds. Where they cannot be read, nothing limits the threads. A runtime of -1 is all of the
/// period.
Answer isLessThanHalf(const std::string& runtimeFile, const std::string& periodFile) {
  std::array<long, 2> times{};
  auto* time = times.begin();
  for (const std::string& file : {runtimeFile, periodFile}) {
    std::string text;
    const int error = kernel_file::readAll(file.c_str(), text);
    if (isOutOfResources(error)) return std::nullopt;
    if (error != 0 || text.empty()) return false;
    *time++ = std::strtol(text.c_str(), nullptr, 10);
  }
  const auto [runtime, period] = times;
  return runtime >= 0 && runtime < period / 2;
}

Answer isSmallInGroup(const std::string& group) {
  if (group.empty()) return false;
  return isLessThanHalf(group + "/cpu.rt_runtime_us", group + "/cpu.rt_period_us");
}

Answer isSmallInOwnGroup() {
  std::string cgroups;
  std::string mountinfo;
  int error = kernel_file::readAll("/proc/thread-self/cgroup", cgroups);
  if (error == 0) error = kernel_file::readAll("/proc/self/mountinfo", mountinfo);
  if (isOutOfResources(error)) return std::nullopt;
  return error == 0 ? isSmallInGroup(groupOf(cgroups, mountinfo)) : false;
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

bool isSmallIn(const std::string& group) { return isSmallInGroup(group).value_or(false); }

bool isSmall() {
  // Threads that find it out at the same time find the same.
  enum class Found : std::uint8_t { Nothing, Small, Large };
  static std::atomic<Found> onMachine{Found::Nothing};
  if (onMachine.load() == Found::Nothing) {
    const Answer answer = isLessThanHalf("/proc/sys/kernel/sched_rt_runtime_us", "/proc/sys/kernel/sched_rt_period_us");
    if (answer) onMachine.store(*answer ? Found::Small : Found::Large);
  }
  static thread_local Answer isSmallHere;
  if (!isSmallHere) isSmallHere = isSmallInOwnGroup();
  return onMachine.load() != Found::Large || isSmallHere.value_or(true);
}

}  // namespace freeze_state::rt_budget

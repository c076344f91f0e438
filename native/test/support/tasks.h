#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "../../core/os/linux/procfs.h"

namespace freeze_state::test {

/// The directory of a process's threads.
inline std::string taskOf(Pid pid) { return "/proc/" + std::to_string(pid) + "/task"; }

inline std::vector<Pid> threadsOf(Pid pid) {
  std::vector<Pid> threads;
  procfs::Numbers numbers(taskOf(pid).c_str());
  for (Pid thread = 0; numbers.next(thread);) threads.push_back(thread);
  return threads;
}

/// What a field of a `status` file says (proc_pid_status(5)), of a process or of a thread in its directory of tasks.
inline std::string statusField(const std::string& task, const std::string& field) {
  std::ifstream status("/proc/" + task + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(field + ":")) continue;
    line.erase(0, line.find_first_not_of(" \t", field.size() + 1));
    line.erase(line.find_last_not_of(" \t") + 1);
    return line;
  }
  return {};
}
inline std::string statusField(Pid pid, const std::string& field) { return statusField(std::to_string(pid), field); }

}  // namespace freeze_state::test

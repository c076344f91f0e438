#pragma once

#include <string>
#include <vector>

#include "../../core/os/linux/procfs.h"

namespace freeze_state::test {

/// The directory of its threads.
inline std::string taskOf(Pid pid) { return "/proc/" + std::to_string(pid) + "/task"; }

inline std::vector<Pid> threadsOf(Pid pid) {
  std::vector<Pid> threads;
  procfs::Numbers numbers(taskOf(pid).c_str());
  for (Pid thread = 0; numbers.next(thread);) threads.push_back(thread);
  return threads;
}

}  // namespace freeze_state::test

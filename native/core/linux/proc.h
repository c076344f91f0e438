#pragma once

#include <cstdint>

#include "../failure.h"

/// What proc(5) tells of a process.
namespace freeze_state::proc {

struct Stat {
  char state;               ///< field 3: R, S, D, T, t, Z, X, I
  std::uint64_t startTime;  ///< field 22: clock ticks since boot
};

/// Reads /proc/<pid>/stat. Returns 0, or the errno(3): ESRCH where there is no such task, or no /proc. Any other, such
/// as EMFILE, says nothing about the task.
int stat(Pid pid, Stat& stat) noexcept;

/// Whether the number is the id of a thread that does not lead its process (`Tgid` in /proc/<pid>/status).
bool isThread(Pid pid) noexcept;

}  // namespace freeze_state::proc

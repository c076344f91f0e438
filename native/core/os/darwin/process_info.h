#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "../process_table.h"

/// What macOS tells of processes, by two calls of libproc, which is in its C library. They tell it of the processes of
/// every user, also of a zombie until it is reaped.
namespace freeze_state::process_info {

struct Info {
  /// `startTime` is a number that the system gives to one process and to no later one. Of the states it has R, T and Z:
  /// macOS does not tell a process that sleeps from one that runs.
  ProcessEntry entry;
  std::array<char, 16> name = {};  ///< of its program, cut to what fits, with a 0 at its end
};

/// Returns 0, or the errno(3): ESRCH where there is no such process.
int read(Pid pid, Info& info) noexcept;

/// What a process does.
ProcessState stateOf(const ProcessEntry& entry) noexcept;

/// Appends the pids of all processes. Returns 0, or the errno(3).
int listAll(std::vector<Pid>& pids);
/// Appends those of the processes of a group, zombies among them.
int listGroup(Pid group, std::vector<Pid>& pids);
/// Appends those of the children of a process; of none where there is no such process.
int listChildren(Pid parent, std::vector<Pid>& pids);

}  // namespace freeze_state::process_info

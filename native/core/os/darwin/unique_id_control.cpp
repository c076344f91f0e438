#include "unique_id_control.h"

#include <cerrno>

#include "process_info.h"

namespace freeze_state {

namespace {

/// Whether the pid still is the process's: 0 where it is, ESRCH where it is not or the process is a zombie, any other
/// errno(3) where nothing tells.
int findOwner(const Process& process) noexcept {
  process_info::Info now;
  if (const int error = process_info::read(process.pid, now); error != 0) return error;
  return now.entry.startTime != process.startTime || now.entry.hasExited() ? ESRCH : 0;
}

}  // namespace

Failures UniqueIdControl::open(Pid pid, Process& process) noexcept {
  process.pid = pid;
  process_info::Info now;
  const int error = process_info::read(pid, now);
  if (error != 0 && error != ESRCH) return {readFailure(pid, error)};
  process.hasExited = error == ESRCH || now.entry.hasExited();
  process.startTime = error == 0 ? now.entry.startTime : 0;
  return {};
}

int UniqueIdControl::send(const Process& process, Signal signal) noexcept {
  const int error = findOwner(process);
  return error == 0 ? KillControl::send(process, signal) : error;
}

ProcessState UniqueIdControl::probe(const Process& process) noexcept {
  process_info::Info now;
  const int error = process_info::read(process.pid, now);
  if (error == ESRCH) return ProcessState::Gone;
  if (error != 0) return ProcessState::Unknown;
  return now.entry.startTime == process.startTime ? process_info::stateOf(now.entry) : ProcessState::Gone;
}

void UniqueIdControl::findExited(std::span<Process* const> processes) noexcept {
  for (Process* const one : processes) one->hasExited = one->hasExited || findOwner(*one) == ESRCH;
}

}  // namespace freeze_state

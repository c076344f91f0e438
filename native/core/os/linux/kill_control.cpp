#include "kill_control.h"

#include <cerrno>

#include "thread_id.h"

namespace freeze_state {

Failures LinuxKillControl::open(Pid pid, Process& process) noexcept {
  if (mayBeOurs(pid)) return {{.code = FailureCode::ThreadId, .pid = pid}};
  return KillControl::open(pid, process);
}

int LinuxKillControl::send(const Process& process, Signal signal) noexcept {
  return mayBeOurs(process.pid) ? ESRCH : KillControl::send(process, signal);
}

void LinuxKillControl::findExited(std::span<Process* const> processes) noexcept {
  for (Process* const one : processes) one->hasExited = one->hasExited || mayBeOurs(one->pid);
  KillControl::findExited(processes);
}

}  // namespace freeze_state

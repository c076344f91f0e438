#include "kill_control.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace freeze_state {

int signalNumber(Signal signal) noexcept { return signal == Signal::Stop ? SIGSTOP : SIGCONT; }

Pid KillControl::ownPid() const noexcept { return getpid(); }

Failures KillControl::open(Pid pid, Process& process) noexcept {
  process.pid = pid;
  checkExited(process);
  return {};
}

int KillControl::send(const Process& process, Signal signal) noexcept {
  return kill(process.pid, signalNumber(signal)) == 0 ? 0 : errno;
}

ProcessState KillControl::probe(const Process& process) noexcept {
  siginfo_t stopped{};
  if (waitid(P_PID, static_cast<id_t>(process.pid), &stopped, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
      stopped.si_pid == process.pid)
    return ProcessState::Stopped;
  Process again = process;
  return checkExited(again) ? ProcessState::Gone : ProcessState::Unknown;
}

/// WNOWAIT leaves the exit status of a child for libuv, which reaps it later.
void KillControl::findExited(std::span<Process* const> processes) noexcept {
  for (Process* const one : processes) {
    if (one->hasExited) continue;
    siginfo_t exited{};
    const bool isZombie = waitid(P_PID, static_cast<id_t>(one->pid), &exited, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                          exited.si_pid == one->pid;
    one->hasExited = isZombie || (kill(one->pid, 0) != 0 && errno == ESRCH);
  }
}

}  // namespace freeze_state

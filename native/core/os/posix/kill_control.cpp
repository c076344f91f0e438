#include "kill_control.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace freeze_state {

int signalNumber(Signal signal) noexcept { return signal == Signal::Stop ? SIGSTOP : SIGCONT; }

Pid KillControl::ownPid() const noexcept { return getpid(); }

Failures KillControl::open(Pid pid, Member& member) noexcept {
  member.process.pid = pid;
  findGone({&member, 1});
  return {};
}

int KillControl::send(const Process& process, Signal signal) noexcept {
  return kill(process.pid, signalNumber(signal)) == 0 ? 0 : errno;
}

ProcessState KillControl::look(const Process& process) noexcept {
  siginfo_t stopped{};
  if (waitid(P_PID, static_cast<id_t>(process.pid), &stopped, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
      stopped.si_pid == process.pid)
    return ProcessState::Stopped;
  Member member{process};
  findGone({&member, 1});
  return member.gone ? ProcessState::Gone : ProcessState::Unknown;
}

/// WNOWAIT leaves the exit status of a child for libuv, which reaps it later.
void KillControl::findGone(std::span<Member> members) noexcept {
  for (Member& member : members) {
    if (member.gone) continue;
    siginfo_t exited{};
    const bool isZombie =
        waitid(P_PID, static_cast<id_t>(member.process.pid), &exited, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        exited.si_pid == member.process.pid;
    member.gone = isZombie || (kill(member.process.pid, 0) != 0 && errno == ESRCH);
  }
}

}  // namespace freeze_state

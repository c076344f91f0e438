#include "group_control.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "kill_control.h"

namespace freeze_state {

Failures GroupControl::open(Pid pid, Member& member) noexcept {
  if (pid == getpgrp()) return {{FailureCode::OwnGroup, pid}};
  if (Failures failures = leaders_.open(pid, member); !failures.empty()) return failures;
  if (member.gone) return {};
  const Pid group = getpgid(pid);
  if (group == pid) return {};
  // It may have exited since, and then it is gone.
  if (group < 0) {
    leaders_.findGone({&member, 1});
    if (member.gone) return {};
  }
  leaders_.release(member.process);
  return {{FailureCode::NotGroupLeader, pid}};
}

int GroupControl::send(const Process& process, Signal signal) noexcept {
  return kill(-process.pid, signalNumber(signal)) == 0 ? 0 : errno;
}

void GroupControl::findGone(std::span<Member> members) noexcept {
  for (Member& member : members) {
    if (member.gone) continue;
    leaders_.findGone({&member, 1});
    // A zombie takes signals as well, so nothing tells better.
    if (member.gone) member.gone = kill(-member.process.pid, 0) != 0 && errno == ESRCH;
  }
}

}  // namespace freeze_state

#include "proc_group_signaller.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "../posix/kill_signaller.h"
#include "pidfd.h"
#include "proc.h"

namespace freeze_state {

namespace {

/// On ourselves, with signal 0: EINVAL where the kernel does not know the flag.
bool isFlagKnown() noexcept {
  const int fd = pidfd::open(getpid());
  if (fd < 0) return false;
  const int error = pidfd::sendSignal(fd, 0, pidfd::kProcessGroup);
  close(fd);
  return error != EINVAL && error != ENOSYS && error != EPERM;
}

/// The number of a group is not given to a process while the group has one. So if a process has it that is not the
/// leader which was registered, the group has been empty in between.
bool isReused(const Process& leader) noexcept {
  proc::Stat now{};
  return leader.startTime != 0 && proc::stat(leader.pid, now) == 0 && now.startTime != leader.startTime;
}

}  // namespace

ProcGroupSignaller::ProcGroupSignaller(Signaller& leaders) noexcept
    : GroupSignaller(leaders), hasGroupFlag_(std::strcmp(leaders.name(), "pidfd") == 0 && isFlagKnown()) {}

Failures ProcGroupSignaller::open(Pid pid, Member& member) noexcept {
  if (Failures failures = GroupSignaller::open(pid, member); !failures.empty()) return failures;
  proc::Stat now{};
  if (!member.gone && proc::stat(pid, now) == 0) member.process.startTime = now.startTime;
  return {};
}

int ProcGroupSignaller::send(const Process& process, Signal signal) noexcept {
  if (hasGroupFlag_) return pidfd::sendSignal(process.fd, signalNumber(signal), pidfd::kProcessGroup);
  return isReused(process) ? ESRCH : GroupSignaller::send(process, signal);
}

/// Zombies take signals, so only /proc tells whether anyone lives.
bool ProcGroupSignaller::isInhabited(const Process& leader) noexcept {
  const int error = hasGroupFlag_ ? pidfd::sendSignal(leader.fd, 0, pidfd::kProcessGroup)
                                  : (isReused(leader) || !GroupSignaller::isInhabited(leader) ? ESRCH : 0);
  if (error == ESRCH) return false;
  proc::Numbers processes("/proc");
  for (Pid pid = 0; processes.next(pid);) {
    proc::Stat stat{};
    const int unknown = proc::stat(pid, stat);
    if (unknown == ESRCH) continue;
    if (unknown != 0) return true;
    const bool hasEnded = (stat.state == 'Z' || stat.state == 'X') && stat.threads <= 1;
    if (stat.group == leader.pid && !hasEnded) return true;
  }
  return processes.error() != 0 || !proc::showsAll();
}

}  // namespace freeze_state

#include "group_control.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "../posix/kill_control.h"
#include "pidfd.h"
#include "procfs.h"

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

LinuxGroupControl::LinuxGroupControl(ProcessControl& leaders) noexcept
    : GroupControl(leaders), hasGroupFlag_(std::strcmp(leaders.name(), "pidfd") == 0 && isFlagKnown()) {}

Failures LinuxGroupControl::open(Pid pid, Member& member) noexcept {
  if (Failures failures = GroupControl::open(pid, member); !failures.empty()) return failures;
  proc::Stat now{};
  if (!member.gone && proc::stat(pid, now) == 0) member.process.startTime = now.startTime;
  return {};
}

int LinuxGroupControl::sendNumber(const Process& process, int signal) const noexcept {
  // Also once the leader was reaped: the pidfd holds on to the number, which the group keeps from being reused.
  if (hasGroupFlag_) return pidfd::sendSignal(process.fd, signal, pidfd::kProcessGroup);
  if (isReused(process)) return ESRCH;
  return kill(-process.pid, signal) == 0 ? 0 : errno;
}

int LinuxGroupControl::send(const Process& process, Signal signal) noexcept {
  return sendNumber(process, signalNumber(signal));
}

void LinuxGroupControl::findGone(std::span<Member> members) noexcept {
  for (Member& member : members) {
    if (member.gone) continue;
    leaders().findGone({&member, 1});
    if (!member.gone) continue;
    member.isLeaderless = true;
    member.gone = sendNumber(member.process, 0) == ESRCH;
  }
}

}  // namespace freeze_state

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

/// Whether a process is in the group, and in another session. All processes of a group are in one. False where nothing
/// tells.
bool isOfOtherSession(Pid group, Pid session) noexcept {
  procfs::Numbers all("/proc");
  for (Pid pid = 0; all.next(pid);) {
    if (procfs::groupOf(pid) != group) continue;
    const Pid now = getsid(pid);
    // Where it has exited meanwhile, another one tells. 0 is a session of outside this PID namespace.
    if (now >= 0 && procfs::groupOf(pid) == group) return now != session;
  }
  return false;
}

/// The number of a group is not given to a process while the group has one. So if a process has it that is not the
/// leader which was registered, the group has been empty in between. That may be so, too, where no process has it: then
/// the session tells.
bool isReused(const Process& leader) noexcept {
  ProcessEntry now;
  const int error = procfs::read(leader.pid, now);
  if (error == 0) return leader.startTime != 0 && now.startTime != leader.startTime;
  return error == ESRCH && leader.session != 0 && isOfOtherSession(leader.pid, leader.session);
}

}  // namespace

LinuxGroupControl::LinuxGroupControl(ProcessControl& processes) noexcept
    : GroupControl(processes), hasGroupFlag_(std::strcmp(processes.name(), "pidfd") == 0 && isFlagKnown()) {}

Failures LinuxGroupControl::open(Pid pid, Process& leader) noexcept {
  if (Failures failures = GroupControl::open(pid, leader); !failures.empty()) return failures;
  ProcessEntry now;
  if (!leader.hasExited && procfs::read(pid, now) == 0) leader.startTime = now.startTime;
  return {};
}

Pid LinuxGroupControl::groupOf(Pid pid) const noexcept { return procfs::groupOf(pid); }

int LinuxGroupControl::sendNumber(const Process& group, int signal) const noexcept {
  // Also once the leader was reaped: the pidfd holds on to the number, which the group keeps from being reused.
  if (hasGroupFlag_) return pidfd::sendSignal(group.fd, signal, pidfd::kProcessGroup);
  if (isReused(group)) return ESRCH;
  return kill(-group.pid, signal) == 0 ? 0 : errno;
}

}  // namespace freeze_state

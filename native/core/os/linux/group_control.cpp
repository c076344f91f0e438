#include "group_control.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "../file_descriptor.h"
#include "../posix/kill_control.h"
#include "pidfd.h"
#include "procfs.h"

namespace freeze_state {

namespace {

/// Whether the kernel, or a seccomp filter, has refused the flag. EPERM may also mean that the group may not be
/// signalled.
bool mayRefuseFlag(int error) noexcept { return error == EINVAL || error == ENOSYS || error == EPERM; }

/// Whether the kernel knows the flag; empty where descriptors or memory are too short to find out. Tried on ourselves
/// with signal 0.
std::optional<bool> isFlagKnown() noexcept {
  const FileDescriptor self(pidfd::open(getpid()));
  if (!self.isOpen()) return isOutOfResources(errno) ? std::nullopt : std::optional(false);
  return !mayRefuseFlag(pidfd::sendSignal(self.get(), 0, pidfd::kProcessGroup));
}

/// Whether a process has the number, which a group may outlive.
bool isNumberOfProcess(Pid pid) noexcept { return kill(pid, 0) == 0 || errno == EPERM; }

/// Whether the group of that number is in this session: 0 where it is, or nothing tells; ESRCH where it is in another;
/// EMFILE and the like where it cannot be read now. All processes of a group are in one session, so any of them tells.
int findInSession(Pid group, Pid session) noexcept {
  procfs::Processes all;
  for (Pid pid = 0; all.next(pid);) {
    if (procfs::groupOf(pid) != group) continue;
    const Pid now = getsid(pid);
    // If this one has exited meanwhile, another one tells. A session of 0 is outside of our pid namespace.
    if (now >= 0 && procfs::groupOf(pid) == group) return now == session ? 0 : ESRCH;
  }
  return isOutOfResources(all.error()) ? all.error() : 0;
}

/// Whether the number still is this group's: 0 where it is; ESRCH where it is another group's; any other errno(3) where
/// nothing tells. The kernel gives the number of a group to no new process while the group has a process. So if a
/// process other than the registered leader has the number, the group was empty in between. It may have been empty as
/// well where no process has the number; then the session tells.
int findStillOfGroup(const Process& group) noexcept {
  if (group.fd >= 0) {
    // A leader that lives, or was not reaped, has the number itself. A pidfd tells that without another descriptor.
    if (pidfd::sendSignal(group.fd, 0) != ESRCH) return 0;
    if (isNumberOfProcess(group.pid)) return ESRCH;
  } else {
    ProcessEntry now;
    const int error = procfs::read(group.pid, now);
    if (error == 0) return group.startTime != 0 && now.startTime != group.startTime ? ESRCH : 0;
    if (error != ESRCH) return error;
    // Where /proc hides it, it may be the leader.
    if (group.startTime != 0 && isNumberOfProcess(group.pid)) return procfs::showsAll() ? ESRCH : EACCES;
  }
  return group.session == 0 ? 0 : findInSession(group.pid, group.session);
}

}  // namespace

LinuxGroupControl::LinuxGroupControl(ProcessControl& processes) noexcept
    : GroupControl(processes), flag_(std::strcmp(processes.name(), "pidfd") == 0 ? Flag::Unknown : Flag::Missing) {}

/// After a shortage it stays unknown for this time. Threads that find it out at the same time find the same.
LinuxGroupControl::Flag LinuxGroupControl::findFlag() const noexcept {
  if (flag_.load() == Flag::Unknown) {
    if (const auto isKnown = isFlagKnown()) flag_.store(*isKnown ? Flag::Known : Flag::Missing);
  }
  return flag_.load();
}

Failures LinuxGroupControl::open(Pid pid, Process& leader) noexcept {
  if (Failures failures = GroupControl::open(pid, leader); !failures.empty()) return failures;
  if (leader.hasExited) return {};
  ProcessEntry now;
  const int error = verified(processes(), leader, [&] { return procfs::read(pid, now); });
  if (isOutOfResources(error)) {
    // Without its start time, a group that is given the number later could not be told from this one.
    release(leader);
    return {readFailure(pid, error)};
  }
  if (error == 0) leader.startTime = now.startTime;
  return {};
}

Pid LinuxGroupControl::groupOf(Pid pid) const noexcept { return procfs::groupOf(pid); }

int LinuxGroupControl::sendNumber(const Process& group, int signal) const noexcept {
  if (const Flag flag = findFlag(); flag != Flag::Missing) {
    // This works also once the leader was reaped: the pidfd still refers to the number, and the group keeps it from
    // being reused. Where the flag could not be tried for lack of descriptors, the answer tells as well.
    const int error = pidfd::sendSignal(group.fd, signal, pidfd::kProcessGroup);
    if (flag == Flag::Known || !mayRefuseFlag(error)) return error;
  }
  // Where it cannot be known whose number it is, nothing is sent, as `StartTimeControl` does: a thaw that fails says
  // so and can be repeated, while a signal to a foreign group cannot be taken back.
  // EPERM would be taken for the answer of the signal: that the group exists.
  const int error = findStillOfGroup(group);
  if (error != 0) return error == EPERM ? EACCES : error;
  return kill(-group.pid, signal) == 0 ? 0 : errno;
}

}  // namespace freeze_state

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

/// Whether the kernel knows the flag; empty where descriptors or memory are too short to find out. Tried on ourselves
/// with signal 0: it answers EINVAL where it does not.
std::optional<bool> isFlagKnown() noexcept {
  const FileDescriptor self(pidfd::open(getpid()));
  if (!self.isOpen()) return isOutOfResources(errno) ? std::nullopt : std::optional(false);
  const int error = pidfd::sendSignal(self.get(), 0, pidfd::kProcessGroup);
  return error != EINVAL && error != ENOSYS && error != EPERM;
}

/// Whether the group of that number is in another session. All processes of a group are in one session, so any of them
/// tells. False where nothing tells.
bool isOfOtherSession(Pid group, Pid session) noexcept {
  procfs::Numbers all("/proc");
  for (Pid pid = 0; all.next(pid);) {
    if (procfs::groupOf(pid) != group) continue;
    const Pid now = getsid(pid);
    // If this one has exited meanwhile, another one tells. A session of 0 is outside of our pid namespace.
    if (now >= 0 && procfs::groupOf(pid) == group) return now != session;
  }
  return false;
}

/// Whether the number is another group's by now. The kernel gives the number of a group to no new process while the
/// group has a process. So if a process other than the registered leader has the number, the group was empty in
/// between. It may have been empty as well where no process has the number; then the session tells.
bool isReused(const Process& leader) noexcept {
  ProcessEntry now;
  const int error = procfs::read(leader.pid, now);
  if (error == 0) return leader.startTime != 0 && now.startTime != leader.startTime;
  return error == ESRCH && leader.session != 0 && isOfOtherSession(leader.pid, leader.session);
}

}  // namespace

LinuxGroupControl::LinuxGroupControl(ProcessControl& processes) noexcept
    : GroupControl(processes), flag_(std::strcmp(processes.name(), "pidfd") == 0 ? Flag::Unknown : Flag::Missing) {}

/// A shortage answers for this time only. Threads that find it out at the same time find the same.
bool LinuxGroupControl::hasGroupFlag() const noexcept {
  if (flag_.load() == Flag::Unknown) {
    const auto isKnown = isFlagKnown();
    if (!isKnown) return false;
    flag_.store(*isKnown ? Flag::Known : Flag::Missing);
  }
  return flag_.load() == Flag::Known;
}

Failures LinuxGroupControl::open(Pid pid, Process& leader) noexcept {
  if (Failures failures = GroupControl::open(pid, leader); !failures.empty()) return failures;
  ProcessEntry now;
  if (!leader.hasExited && procfs::read(pid, now) == 0) leader.startTime = now.startTime;
  return {};
}

Pid LinuxGroupControl::groupOf(Pid pid) const noexcept { return procfs::groupOf(pid); }

int LinuxGroupControl::sendNumber(const Process& group, int signal) const noexcept {
  // This works also once the leader was reaped: the pidfd still refers to the number, and the group keeps it from being
  // reused.
  if (hasGroupFlag()) return pidfd::sendSignal(group.fd, signal, pidfd::kProcessGroup);
  if (isReused(group)) return ESRCH;
  return kill(-group.pid, signal) == 0 ? 0 : errno;
}

}  // namespace freeze_state

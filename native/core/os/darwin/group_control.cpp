#include "group_control.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "process_info.h"

namespace freeze_state {

namespace {

/// Whether the process lives and is in the group of that number; so, too, where that cannot be read.
bool livesIn(Pid group, Pid pid) noexcept {
  process_info::Info now;
  const int error = process_info::read(pid, now);
  if (error != 0) return error != ESRCH;
  return now.entry.group == group && !now.entry.hasExited();
}

/// Whether the group of that number is in this session: 0 where it is, or nothing tells; ESRCH where it is in another;
/// any other errno(3) where the group cannot be listed. All processes of a group are in one session, so any of them
/// tells.
int findInSession(Pid group, Pid session) noexcept {
  std::vector<Pid> processes;
  if (const int error = process_info::listGroup(group, processes); error != 0) return error;
  for (const Pid pid : processes) {
    const Pid now = getsid(pid);
    // If this one has exited meanwhile, another one tells.
    if (now > 0 && livesIn(group, pid)) return now == session ? 0 : ESRCH;
  }
  return 0;
}

/// Whether the number still is this group's: 0 where it is; ESRCH where it is another group's; any other errno(3) where
/// nothing tells. The kernel gives the number of a group to no new process while the group has a process. So if a
/// process other than the registered leader has the number, the group was empty in between. It may have been empty as
/// well where no process has the number; then the session tells.
int findStillOfGroup(const Process& group) noexcept {
  process_info::Info now;
  const int error = process_info::read(group.pid, now);
  if (error == 0) return now.entry.startTime == group.startTime ? 0 : ESRCH;
  if (error != ESRCH || group.session == 0) return error == ESRCH ? 0 : error;
  return findInSession(group.pid, group.session);
}

/// Whether the group has no process but zombies. The second list shows a process that was added to the group after the
/// first; then the answer is no, and the next call tells.
bool hasOnlyZombies(Pid group) noexcept {
  std::vector<Pid> first;
  std::vector<Pid> second;
  if (process_info::listGroup(group, first) != 0) return false;
  if (std::ranges::any_of(first, [&](Pid pid) { return livesIn(group, pid); })) return false;
  if (process_info::listGroup(group, second) != 0) return false;
  return std::ranges::all_of(second, [&](Pid pid) { return std::ranges::find(first, pid) != first.end(); });
}

}  // namespace

int DarwinGroupControl::killGroup(Pid group, int signal) const noexcept {
  return kill(-group, signal) == 0 ? 0 : errno;
}

int DarwinGroupControl::sendNumber(const Process& group, int signal) const noexcept {
  // Where it cannot be known whose number it is, nothing is sent. EPERM would be taken for the answer of the signal:
  // that the group exists.
  if (const int error = findStillOfGroup(group); error != 0) return error == EPERM ? EACCES : error;
  const int error = killGroup(group.pid, signal);
  return error == EPERM && hasOnlyZombies(group.pid) ? ESRCH : error;
}

}  // namespace freeze_state

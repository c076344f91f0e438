#include "start_time_control.h"

#include <signal.h>

#include <cerrno>

#include "procfs.h"

namespace freeze_state {

namespace {

/// Whether anything has the pid, as kill(2) tells it: also of a process that /proc hides from us (hidepid, proc(5)).
bool isUsed(Pid pid) noexcept { return kill(pid, 0) == 0 || errno != ESRCH; }

/// 0 where it is, ESRCH where it is not; any other errno(3) where /proc cannot tell.
int findStill(const Process& process) noexcept {
  proc::Stat now{};
  const int error = proc::stat(process.pid, now);
  if (error == ESRCH && isUsed(process.pid)) return EACCES;
  if (error != 0) return error;
  if (now.startTime != process.startTime) return ESRCH;
  // Its first thread may have ended before the others: then the process lives.
  const bool hasEnded = (now.state == 'Z' || now.state == 'X') && now.threads <= 1;
  return hasEnded ? ESRCH : 0;
}

}  // namespace

Failures StartTimeControl::open(Pid pid, Member& member) noexcept {
  if (proc::isThread(pid)) return {{FailureCode::ThreadId, pid}};
  member.process.pid = pid;
  proc::Stat now{};
  const int error = proc::stat(pid, now);
  if (error != 0 && error != ESRCH) return {{FailureCode::ResourceExhausted, pid, error, "open"}};
  member.gone = error != 0 && !isUsed(pid);
  member.process.startTime = now.startTime;
  return {};
}

int StartTimeControl::send(const Process& process, Signal signal) noexcept {
  const int error = findStill(process);
  return error == 0 ? KillControl::send(process, signal) : error;
}

ProcessState StartTimeControl::look(const Process& process) noexcept {
  proc::Stat now{};
  const int error = proc::stat(process.pid, now);
  if (error == ESRCH && !isUsed(process.pid)) return ProcessState::Gone;
  // A child's pid is its own until we reap it, which nobody does between these lines and before.
  if (error != 0) return KillControl::look(process);
  return now.startTime == process.startTime ? proc::look(process.pid) : ProcessState::Gone;
}

void StartTimeControl::findGone(std::span<Member> members) noexcept {
  for (Member& member : members) member.gone = member.gone || findStill(member.process) == ESRCH;
}

}  // namespace freeze_state

#include "start_time_control.h"

#include <signal.h>

#include <cerrno>

#include "procfs.h"
#include "thread_id.h"
#include "thread_scan.h"

namespace freeze_state {

namespace {

/// Whether anything has the pid, as kill(2) tells it: also of a process that /proc hides from us (hidepid, proc(5)).
bool isUsed(Pid pid) noexcept { return kill(pid, 0) == 0 || errno != ESRCH; }

/// Whether the pid still is the process's: 0 where it is, ESRCH where it is not, any other errno(3) where /proc cannot
/// tell.
int findStill(const Process& process) noexcept {
  ProcessEntry now;
  const int error = procfs::read(process.pid, now);
  if (error == ESRCH && isUsed(process.pid)) return EACCES;
  if (error != 0) return error;
  if (now.startTime != process.startTime) return ESRCH;
  // Its first thread may have ended before the others: then the process lives.
  return now.hasExited() ? ESRCH : 0;
}

}  // namespace

Failures StartTimeControl::open(Pid pid, Process& process) noexcept {
  if (mayBeOurs(pid)) return {{.code = FailureCode::ThreadId, .pid = pid}};
  process.pid = pid;
  ProcessEntry now;
  const int error = procfs::read(pid, now);
  if (error != 0 && error != ESRCH)
    return {{.code = FailureCode::ResourceExhausted, .pid = pid, .error = error, .call = "open"}};
  process.hasExited = error != 0 && !isUsed(pid);
  process.startTime = now.startTime;
  return {};
}

int StartTimeControl::send(const Process& process, Signal signal) noexcept {
  const int error = findStill(process);
  return error == 0 ? KillControl::send(process, signal) : error;
}

ProcessState StartTimeControl::probe(const Process& process) noexcept {
  ThreadScan scan;
  return probe(process, scan, {}).value_or(ProcessState::Unknown);
}

std::optional<ProcessState> StartTimeControl::probe(const Process& process, ThreadScan& scan,
                                                    const Slice& slice) noexcept {
  ProcessEntry now;
  const int error = procfs::read(process.pid, now);
  if (error == ESRCH && !isUsed(process.pid)) return ProcessState::Gone;
  // A child's pid is its own until it is reaped, and no code has done that or does it between these lines.
  if (error != 0) return KillControl::probe(process);
  if (now.startTime != process.startTime) return ProcessState::Gone;
  return procfs::probe(process.pid, scan, slice);
}

bool StartTimeControl::isStopped(const Process& process) noexcept {
  // Asks about its first thread only, since there may be hundreds.
  ProcessEntry now;
  if (procfs::read(process.pid, now) != 0) return KillControl::probe(process) == ProcessState::Stopped;
  return now.startTime == process.startTime && (now.state == 'T' || now.state == 't');
}

bool StartTimeControl::isKernelThread(Pid pid) noexcept { return procfs::isKernelThread(pid); }

Pid StartTimeControl::tracerOf(const Process& process) noexcept { return procfs::tracerOf(process.pid); }

LedgerIdentity StartTimeControl::identify(Process& process) noexcept {
  return {.kind = LedgerIdentity::Kind::Process, .number = process.pid, .startTime = process.startTime};
}

void StartTimeControl::findExited(std::span<Process* const> processes) noexcept {
  for (Process* const one : processes) one->hasExited = one->hasExited || findStill(*one) == ESRCH;
}

}  // namespace freeze_state

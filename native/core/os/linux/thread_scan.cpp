#include "thread_scan.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "procfs.h"

namespace freeze_state::procfs {

namespace {

ProcessState stateOf(char letter) noexcept {
  switch (letter) {
    case 'R': return ProcessState::Running;
    case 'T':
    case 't': return ProcessState::Stopped;  // see `hasStopPending`
    case 'Z':
    case 'X': return ProcessState::Zombie;
    default: return ProcessState::Sleeping;
  }
}

bool isAwake(ProcessState state) noexcept { return state != ProcessState::Stopped && state != ProcessState::Zombie; }

/// Whether the thread count changed while we probed, so that a thread may have been missed. An execve(2) ends all
/// threads but one, which then takes the number of the first: so those that were seen may be of the program before.
bool hasChanged(Pid pid, int seen, std::optional<ProcessState> first) noexcept {
  ProcessEntry entry;
  if (const int error = read(pid, entry); error != 0) return error != ESRCH;
  const ProcessState now = stateOf(entry.state);
  return isAwake(now) || now != first.value_or(now) || entry.threads != seen;
}

/// What a walk has found, unless it ended by an error.
ProcessState resultOf(const Numbers& threads, ProcessState found) noexcept {
  if (threads.error() == 0) return found;
  return threads.error() == ENOENT || threads.error() == ESRCH ? ProcessState::Gone : ProcessState::Unknown;
}

/// Whether a call that began behind so many threads, and has seen so many, is to end. Each gets one further at least.
/// To find the place again, the kernel goes through all threads before it, fifty in the time that it takes to probe
/// one: so the more there are before, the more are probed, or finding them would take most of the time.
bool isOver(const Slice& slice, int before, int seen) noexcept {
  constexpr int kPerProbe = 50;
  const int least = before + 1 + (before / kPerProbe);
  return slice.isCancelled() || (seen >= least && slice.isOver());
}

/// Of the threads that live, the one most awake. A group stop reaches them one by one; those that it has reached can
/// neither fork nor exit, and the first stays listed until all have ended, so the next call can continue by position.
std::optional<ProcessState> probeThreads(Pid pid, ThreadScan& scan, const Slice& slice) noexcept {
  const int before = std::exchange(scan.stopped, 0);
  int seen = before;
  bool hasGap = false;
  std::optional<ProcessState> first;
  if (before > 0) first = ProcessState::Stopped;
  ProcessState found = seen > 0 ? ProcessState::Stopped : ProcessState::Zombie;
  Threads threads(pid, before);
  for (Pid thread = 0; threads.next(thread);) {
    ProcessEntry entry;
    const int error = readThread(pid, thread, entry);
    if (error == ESRCH) continue;
    if (error != 0) return ProcessState::Unknown;
    const ProcessState state = stateOf(entry.state);
    ++seen;
    if (thread == pid) first = state;
    // One that has ended is about to leave the list.
    hasGap = hasGap || (state == ProcessState::Zombie && thread != pid);
    found = std::min(found, state);
    if (found == ProcessState::Running) break;
    // A process whose first thread has ended is probed without a pause: what is seen later could be the work of an
    // execve(2).
    if (!isOver(slice, before, seen)) continue;
    if (found == ProcessState::Sleeping) break;
    if (slice.isCancelled()) return std::nullopt;
    if (first == ProcessState::Zombie) continue;
    scan.stopped = hasGap ? 0 : seen;
    return std::nullopt;
  }
  if (!isAwake(found) && hasChanged(pid, seen, first)) return ProcessState::Running;
  return resultOf(threads, found);
}

/// Probes a process whose line in the table is known.
std::optional<ProcessState> probeFrom(Pid pid, const ProcessEntry& entry, ThreadScan& scan,
                                      const Slice& slice) noexcept {
  if (scan.stopped > 0) return probeThreads(pid, scan, slice);
  const ProcessState first = stateOf(entry.state);
  // That line is of the first thread, which may have ended (Z) or stopped before the others.
  const bool isOneOfMany = entry.threads > 1 && (first == ProcessState::Stopped || first == ProcessState::Zombie);
  return isOneOfMany ? probeThreads(pid, scan, slice) : first;
}

}  // namespace

ProcessState probe(Pid pid) noexcept {
  ThreadScan scan;
  return probe(pid, scan, {}).value_or(ProcessState::Unknown);
}

std::optional<ProcessState> probe(Pid pid, ThreadScan& scan, const Slice& slice) noexcept {
  ProcessEntry entry;
  const int error = read(pid, entry);
  if (error == ESRCH) return ProcessState::Gone;
  if (error != 0) return ProcessState::Unknown;
  const auto state = probeFrom(pid, entry, scan, slice);
  // Of several threads that its tracer has stopped, any may take it.
  const bool isHeld = state == ProcessState::Stopped && entry.state == 't' && hasStopPending(pid);
  return isHeld ? ProcessState::Traced : state;
}

}  // namespace freeze_state::procfs

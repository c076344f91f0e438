#include "thread_scan.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "process_files.h"
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

/// The threads of a process, as /proc lists them now.
class ListedThreads {
 public:
  ListedThreads(Pid pid, int skip) noexcept : pid_(pid), threads_(pid, skip) {}

  bool next(Pid& thread) noexcept {
    const bool isThere = threads_.next(thread);
    thread_ = thread;
    return isThere;
  }
  /// Reads the `stat` of the one that `next` gave.
  int read(ProcessEntry& entry) const noexcept { return readThread(pid_, thread_, entry); }
  int readFirst(ProcessEntry& entry) const noexcept { return procfs::read(pid_, entry); }
  int error() const noexcept { return threads_.error(); }

 private:
  Pid pid_;
  Threads threads_;
  Pid thread_ = 0;
};

/// The threads in a list whose files are kept open. The `stat` of the first was read just now.
class KeptThreads {
 public:
  KeptThreads(ProcessFiles& files, const ProcessEntry& first, int skip) noexcept
      : files_(files), first_(first), next_(static_cast<std::size_t>(skip)) {}

  bool next(Pid& thread) noexcept {
    if (next_ >= files_.count()) return false;
    thread = files_.thread(next_++);
    return true;
  }
  int read(ProcessEntry& entry) noexcept {
    if (next_ > 1) return files_.readThread(next_ - 1, entry);
    entry = first_;
    return 0;
  }
  int readFirst(ProcessEntry& entry) noexcept { return files_.read(entry); }
  static int error() noexcept { return 0; }

 private:
  ProcessFiles& files_;
  const ProcessEntry& first_;
  std::size_t next_;
};

/// Whether the thread count changed while we probed, so that a thread may have been missed. An execve(2) ends all
/// threads but one, which then takes the number of the first: so those that were seen may be of the program before.
template <typename AnyThreads>
bool hasChanged(AnyThreads& threads, int seen, std::optional<ProcessState> first) noexcept {
  ProcessEntry entry;
  if (const int error = threads.readFirst(entry); error != 0) return error != ESRCH;
  const ProcessState now = stateOf(entry.state);
  return isAwake(now) || now != first.value_or(now) || entry.threads != seen;
}

/// What a walk has found, unless it ended by an error.
ProcessState resultOf(int error, ProcessState found) noexcept {
  if (error == 0) return found;
  return error == ENOENT || error == ESRCH ? ProcessState::Gone : ProcessState::Unknown;
}

/// Whether a call is to end: it has skipped the `before` threads that earlier calls have seen, and `seen` counts these
/// and its own. Each call sees one more at least. To find the place again, the kernel goes through all threads before
/// it, fifty in the time that it takes to probe one. So the more threads there are before it, the more a call probes;
/// else finding the place would take most of the time.
bool isOver(const Slice& slice, int before, int seen) noexcept {
  constexpr int kPerProbe = 50;
  const int least = before + 1 + (before / kPerProbe);
  return slice.isCancelled() || (seen >= least && slice.isOver());
}

/// The state of the most awake of the living threads. A group stop reaches them one by one; those that it has reached
/// can neither fork nor exit, and the first stays listed until all have ended, so the next call can continue by
/// position.
template <typename AnyThreads>
std::optional<ProcessState> probeThreads(AnyThreads threads, Pid pid, ThreadScan& scan, const Slice& slice) noexcept {
  const int before = std::exchange(scan.stopped, 0);
  int seen = before;
  bool hasGap = false;
  std::optional<ProcessState> first;
  if (before > 0) first = ProcessState::Stopped;
  ProcessState found = seen > 0 ? ProcessState::Stopped : ProcessState::Zombie;
  for (Pid thread = 0; threads.next(thread);) {
    ProcessEntry entry;
    const int error = threads.read(entry);
    if (error == ESRCH) continue;
    if (error != 0) return ProcessState::Unknown;
    const ProcessState state = stateOf(entry.state);
    ++seen;
    if (thread == pid) first = state;
    // A thread that has ended is about to leave the list.
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
  if (!isAwake(found) && hasChanged(threads, seen, first)) return ProcessState::Running;
  return resultOf(threads.error(), found);
}

/// Whether other threads of the process may be awake, by the state of its first. That thread may have ended (Z) or
/// stopped before the others.
bool mayHaveOthersAwake(const ProcessEntry& entry) noexcept {
  const ProcessState first = stateOf(entry.state);
  return entry.threads > 1 && (first == ProcessState::Stopped || first == ProcessState::Zombie);
}

/// As `probeThreads`, by the files that are kept.
std::optional<ProcessState> probeKept(ProcessFiles& files, const ProcessEntry& first, ThreadScan& scan,
                                      const Slice& slice) noexcept {
  // A second time where a thread had ended: most often it did long ago, and another one has taken its place.
  for (const bool isLast : {false, true}) {
    if (!files.isListed()) {
      scan.stopped = 0;
      const auto error = files.list(slice);
      if (!error) return std::nullopt;
      if (*error != 0) return resultOf(*error, ProcessState::Unknown);
    }
    const auto state = probeThreads(KeptThreads(files, first, scan.stopped), files.pid(), scan, slice);
    if (isLast || state != ProcessState::Running || files.isListed()) return state;
  }
  return ProcessState::Running;
}

/// `Traced` instead of `Stopped` where the tracer has stopped it and a SIGSTOP is pending. Of several threads, any may
/// take that signal. `Unknown` where that cannot be read.
std::optional<ProcessState> unlessHeld(Pid pid, char first, std::optional<ProcessState> state) noexcept {
  if (state != ProcessState::Stopped || first != 't') return state;
  const auto isHeld = hasStopPending(pid);
  if (!isHeld) return ProcessState::Unknown;
  return *isHeld ? ProcessState::Traced : state;
}

ProcessState failed(int error) noexcept { return error == ESRCH ? ProcessState::Gone : ProcessState::Unknown; }

}  // namespace

ProcessState probe(Pid pid) noexcept {
  ThreadScan scan;
  return probe(pid, scan, {}).value_or(ProcessState::Unknown);
}

std::optional<ProcessState> probe(Pid pid, ThreadScan& scan, const Slice& slice) noexcept {
  ProcessEntry entry;
  if (const int error = read(pid, entry); error != 0) return failed(error);
  const bool isScanned = scan.stopped > 0 || mayHaveOthersAwake(entry);
  const auto state =
      isScanned ? probeThreads(ListedThreads(pid, scan.stopped), pid, scan, slice) : stateOf(entry.state);
  return unlessHeld(pid, entry.state, state);
}

std::optional<ProcessState> probe(ProcessFiles& files, ThreadScan& scan, const Slice& slice) noexcept {
  ProcessEntry entry;
  if (const int error = files.read(entry); error != 0) return failed(error);
  const bool isScanned = scan.stopped > 0 || mayHaveOthersAwake(entry);
  const auto state =
      unlessHeld(files.pid(), entry.state, isScanned ? probeKept(files, entry, scan, slice) : stateOf(entry.state));
  if (state == ProcessState::Stopped) files.noteQuiescent();
  return state;
}

}  // namespace freeze_state::procfs

#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "process_control.h"

namespace freeze_state {

/// What the process table says of one process or thread. The fields are those of proc_pid_stat(5).
struct ProcessEntry {
  char state = 'X';             ///< field 3: R, S, D, T, t, Z, X, I; of its first thread
  Pid parent = 0;               ///< field 4
  Pid group = 0;                ///< field 5
  std::int64_t threads = 0;     ///< field 20
  std::uint64_t startTime = 0;  ///< field 22: clock ticks since boot
  std::uint32_t flags = 0;      ///< field 9, of which these are used

  // By <linux/sched.h>: PF_KTHREAD and PF_EXITING.
  static constexpr std::uint32_t kKernelThread = 0x00200000;
  static constexpr std::uint32_t kExiting = 0x4;

  /// Whether the thread that this is about has exited. For a process that is its first thread.
  bool hasThreadExited() const noexcept { return state == 'Z' || state == 'X'; }
  /// Whether its first thread has exited before others, so that the process lives.
  bool isLeaderless() const noexcept { return hasThreadExited() && threads > 1; }
  /// Whether it is a thread of the kernel, which takes no signal.
  bool isKernelThread() const noexcept { return (flags & kKernelThread) != 0; }
  /// Whether it is on its way out. It may take a while to give back its memory.
  bool isExiting() const noexcept { return (flags & kExiting) != 0; }
  /// Whether the whole process has exited.
  bool hasExited() const noexcept { return hasThreadExited() && threads <= 1; }
};

/// `ResourceExhausted` or `Unreadable`: why nothing could be read about a process. Pid 0 stands for the table itself.
inline Failure readFailure(Pid pid, int error) {
  const FailureCode code = isOutOfResources(error) ? FailureCode::ResourceExhausted : FailureCode::Unreadable;
  return {.code = code, .pid = pid, .error = error, .call = "open"};
}

/// What a process that does not stop is doing, for a person.
struct ProcessDoing {
  std::string name;         ///< proc_pid_comm(5); '' where it cannot be read
  char state = '\0';        ///< as in `ProcessEntry`; 0 where it cannot be read
  std::string waitChannel;  ///< the function of the kernel that it sleeps in, proc_pid_wchan(5); '' where none is told
  bool isInVfork = false;   ///< it waits for a child that uses its memory, and takes no signal but SIGKILL meanwhile
};

/// A walk over the pids of all processes, a few at a time.
class ProcessWalk {
 public:
  virtual ~ProcessWalk() = default;
  /// The next pid. False at the end, and after an error.
  virtual bool next(Pid& pid) noexcept = 0;
  /// 0, or the errno(3) that ended the walk.
  virtual int error() const noexcept = 0;
};

/// Reads which children a process has. One object serves one tree, under the lock of its state. An answer is 0 or an
/// errno(3), and empty where the slice cut it short. It is not a `Step`, because the caller has to judge ESRCH and
/// other errors: the caller holds the process, and can verify that it lives.
class ChildReader {
 public:
  virtual ~ChildReader() = default;

  /// Drops what is in progress: the next question is asked anew.
  virtual void reset() noexcept = 0;

  /// Begins a pass. What `read` answers from now on is not older than this call. Where it was cut short the next call
  /// continues it, and what `read` answers is not older than the first of these calls.
  virtual std::optional<int> beginPass(const Slice& slice) = 0;

  /// Appends the children of all threads of the process, zombies among them. Those of one thread come oldest first.
  /// Those of the first thread come last, since orphans are given to it. ESRCH where there is no such process, or it is
  /// hidden. Where it was cut short a call for the same process continues it.
  virtual std::optional<int> read(Pid pid, std::vector<Pid>& children, const Slice& slice) = 0;

  /// How many children of a process that is held to read: all, or only those that are the cheapest to read.
  enum class Extent : std::uint8_t { All, Cheapest };
  /// As `read`, for a process that is held, by its open files. The caller has to verify that what it answers is about
  /// that process.
  virtual std::optional<int> readOf(const Process& process, Extent /*extent*/, std::vector<Pid>& children,
                                    const Slice& slice) {
    return read(process.pid, children, slice);
  }
};

/// The table of processes, for reading. Behind an interface, so that a test can put a fake one in its place. What it
/// says is about a number: `verified` (process_control.h) ties it to a process. One object serves all threads. It keeps
/// nothing itself; the walks and readers that it makes do.
class ProcessTable {
 public:
  ProcessTable() = default;
  ProcessTable(const ProcessTable&) = delete;
  ProcessTable& operator=(const ProcessTable&) = delete;
  virtual ~ProcessTable() = default;

  /// Whether there is one here.
  virtual bool isAvailable() const noexcept = 0;
  /// Whether it shows the processes of every user; it may hide those of others (hidepid, proc(5)).
  virtual bool showsAll() const noexcept = 0;

  /// Returns 0, or the errno(3): ESRCH where there is no such process, or it is hidden. Any other, such as EMFILE, says
  /// nothing about the process.
  virtual int read(Pid pid, ProcessEntry& entry) noexcept = 0;
  /// As `read`, for a process that is held, by its open files.
  virtual int readOf(const Process& process, ProcessEntry& entry) noexcept { return read(process.pid, entry); }

  /// What the process does, its threads included. `Gone` where there is no such process; `Unknown` where nothing tells.
  virtual ProcessState probe(Pid pid) noexcept = 0;
  /// Probes in steps, as `ProcessControl::probe` does.
  virtual std::optional<ProcessState> probe(Pid pid, ThreadScan& scan, const Slice& slice) noexcept = 0;

  /// The files that may stay open of whatever has that pid, from one probe to the next; null where none may.
  virtual std::shared_ptr<ProcessFiles> filesOf(Pid /*pid*/) { return nullptr; }
  /// Probes in steps whatever has the pid of these files now.
  virtual std::optional<ProcessState> probeBy(ProcessFiles& /*files*/, ThreadScan& /*scan*/,
                                              const Slice& /*slice*/) noexcept {
    return ProcessState::Unknown;
  }

  /// Whether every thread of it has exited or is about to. The kernel moves no such process into a control group, and
  /// reports no error. The process leaves its own group when it has ended, which with much memory takes a while. False
  /// where that cannot be read.
  virtual bool isExiting(Pid /*pid*/) noexcept { return false; }
  /// Whether a thread of it runs, or sleeps where no freeze of a control group reaches it, so that its group has not
  /// frozen. False where that cannot be read.
  virtual bool delaysFreeze(Pid /*pid*/) noexcept { return false; }

  /// Its process group, by getpgid(2): a tenth of what `read` costs. 0 where there is no such process.
  virtual Pid groupOf(Pid pid) noexcept = 0;

  /// Whether the two use the same memory, as a parent that waits in vfork(2) and its child do. True where nothing can
  /// tell.
  virtual bool sharesMemory(Pid parent, Pid child) noexcept = 0;

  /// What the process is doing, read anew: for an error's message, and not for a decision.
  virtual ProcessDoing describe(Pid /*pid*/) { return {}; }

  /// A walk from the beginning, over the processes that the table shows.
  virtual std::unique_ptr<ProcessWalk> walk() = 0;
  /// A reader for one tree.
  virtual std::unique_ptr<ChildReader> children() = 0;
};

/// The ancestors of the process, the nearest first, as far as the table shows them.
inline std::vector<Pid> ancestorsOf(ProcessTable& table, Pid pid) {
  // Entries that are read one after the other may make a circle.
  constexpr std::size_t kLongestLine = 1000;
  std::vector<Pid> ancestors;
  ProcessEntry entry{.parent = pid};
  while (ancestors.size() < kLongestLine && table.read(entry.parent, entry) == 0 && entry.parent > 0)
    ancestors.push_back(entry.parent);
  return ancestors;
}

/// Whether the one process is an ancestor of the other, as far as the table shows. A process that was started later
/// cannot be one, and then no walk is needed.
inline bool isAncestor(ProcessTable& table, Pid ancestor, Pid pid) {
  ProcessEntry above;
  ProcessEntry below;
  if (table.read(ancestor, above) == 0) {
    // The entry of a process with many threads, as Node is, takes long to read.
    if (above.parent == pid) return false;
    if (table.read(pid, below) == 0 && above.startTime > below.startTime) return false;
  }
  const std::vector<Pid> ancestors = ancestorsOf(table, pid);
  return std::ranges::find(ancestors, ancestor) != ancestors.end();
}

/// The table of this system. It is never destroyed; any thread.
ProcessTable& systemTable() noexcept;

}  // namespace freeze_state

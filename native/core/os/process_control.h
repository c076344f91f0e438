#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "../failure.h"
#include "../slice.h"
#include "ledger.h"
#include "processor.h"

namespace freeze_state {

/// What a freeze sends: SIGSTOP and SIGCONT (signal(7)).
enum class Signal : std::uint8_t { Stop, Continue };

class ProcessFiles;

/// One process, and not merely its number: by pidfd where there are pidfds, else by pid and start time, else by pid.
/// Filled in by the `ProcessControl` that opened it; opaque to all other code but for `pid` and `hasExited`.
struct Process {
  Pid pid = 0;
  int fd = -1;                  ///< pidfd_open(2), owned; -1 where there is none
  std::uint64_t startTime = 0;  ///< clock ticks since boot, proc_pid_stat(5) field 22; 0 where it is not used
  Pid session = 0;              ///< of the group that it leads, getsid(2); 0 where it is not used
  std::uint64_t inode = 0;      ///< of the pidfd; 0 until `identify` has asked for it, and where it names nothing
  // NOLINTNEXTLINE(readability-redundant-member-init): GCC warns of initializers that leave it out
  std::shared_ptr<ProcessFiles> files = {};  ///< of /proc, kept open from one probe to the next; null where none are
  bool hasExited = false;                    ///< it has exited (a zombie has), or never existed; once true it stays so
};

/// What a process does, by the letter that proc_pid_stat(5) has for it. Of several threads, the most awake one counts.
enum class ProcessState : std::uint8_t {
  Running,   ///< R
  Sleeping,  ///< S, D, I: a stop reaches an S at once, and a D when its system call lets it
  Traced,    ///< t, and a SIGSTOP that it will take when its tracer lets it run; it cannot fork before that
  Stopped,   ///< T, t: every thread of it
  Zombie,    ///< Z: exited, not reaped
  Gone,      ///< no such process any more
  Unknown,   ///< it is there, and nothing tells what it does
};

/// How far a probe that is done in steps has come through the threads of a process.
struct ThreadScan {
  int stopped = 0;  ///< how many threads it has seen stopped
};

/// How processes are found and signalled. Modes know processes only through this interface, so that a test can put a
/// scripted one in its place. One object serves every state in every thread: the methods take no lock and keep no data;
/// a `Process` is guarded by the lock of the state that it belongs to.
class ProcessControl {
 public:
  ProcessControl() = default;
  ProcessControl(const ProcessControl&) = delete;
  ProcessControl& operator=(const ProcessControl&) = delete;
  virtual ~ProcessControl() = default;

  /// `pidfd`, `start-time`, `kill` or `none`; a literal.
  virtual const char* name() const noexcept = 0;

  /// Whether processes can be frozen here at all.
  virtual bool isSupported() const noexcept { return true; }

  /// Our own pid, which is never a member.
  virtual Pid ownPid() const noexcept = 0;

  /// The name of the system call that `send` uses, for messages.
  virtual const char* sendCall() const noexcept = 0;

  /// Takes hold of the process that has this pid now. A pid that no process has is no failure: `hasExited` is then set.
  /// Signals nothing. Fails with `ThreadId` and `ResourceExhausted`; then nothing is held.
  virtual Failures open(Pid pid, Process& process) noexcept = 0;

  /// Releases what `open` took.
  virtual void release(Process& process) noexcept = 0;

  /// Releases a process that may be needed again soon, and leaves open what it can, within a budget of descriptors.
  /// False where nothing stays open; then the caller has to release it.
  virtual bool keep(Process& /*process*/) noexcept { return false; }
  /// Takes hold again of the very process that `keep` was called for. It may have exited since. False where the caller
  /// has to use `open`, which may find another process with that pid.
  virtual bool reopen(Process& /*process*/) noexcept { return false; }

  /// Sends the signal to that very process and no other. Returns 0, or the errno(3); ESRCH means that it is gone.
  virtual int send(const Process& process, Signal signal) noexcept = 0;

  /// What the process does now, as /proc tells it. Where there is no /proc, or it cannot be read, waitid(2) tells
  /// whether a child of ours has stopped; WNOWAIT leaves its stop and its exit for others to wait for.
  virtual ProcessState probe(const Process& process) noexcept = 0;

  /// Probes in steps, since a probe of many threads takes long. Empty where the slice cut it short; the next call
  /// continues where `scan` says.
  virtual std::optional<ProcessState> probe(const Process& process, ThreadScan& /*scan*/,
                                            const Slice& /*slice*/) noexcept {
    return probe(process);
  }

  /// Whether it is stopped, no matter by which process. Gives the cheapest answer, for example by its first thread
  /// alone. For a child of ours whose stop was already reported to a waiter, the answer may be no.
  virtual bool isStopped(const Process& process) noexcept { return probe(process) == ProcessState::Stopped; }

  /// Whether whatever has the pid now is a thread of the kernel, which takes no signal.
  virtual bool isKernelThread(Pid /*pid*/) noexcept { return false; }

  /// Why the process must not be signalled any more, though it was fit when it was opened; empty where it still is fit.
  virtual std::optional<FailureCode> whyUnfit(const Process& /*process*/) const noexcept { return std::nullopt; }

  /// The process that traces it (ptrace(2)); 0 where there is none, or nothing tells.
  virtual Pid tracerOf(const Process& /*process*/) noexcept { return 0; }

  /// Data by which another process can tell it from others that get its number later.
  virtual LedgerIdentity identify(Process& /*process*/) noexcept { return {}; }

  /// Marks the processes that have exited, reaped or not: kill(2) succeeds on a zombie, so `send` cannot tell. Where
  /// nothing can tell, a process counts as alive.
  virtual void findExited(std::span<Process* const> processes) noexcept = 0;

  /// Lets a little time pass while signals arrive, after so much work. At most 50 microseconds: a thaw may be waiting
  /// (G6).
  virtual void pause(std::chrono::nanoseconds worked) noexcept { processor::sleepBriefly(worked); }

  /// Asks whether the process has exited, and marks it if so, as `findExited` does.
  bool checkExited(Process& process) noexcept {
    Process* const one = &process;
    findExited({&one, 1});
    return process.hasExited;
  }
};

/// Reads about a process by its number, then checks that it still was that process. Returns what `read` returned (0, or
/// an errno(3)); ESRCH where the process has exited, so that what was read may be about another one with its number.
template <typename Read>
int verified(ProcessControl& control, Process& process, Read read) {
  const int error = read();
  return control.checkExited(process) ? ESRCH : error;
}

/// The process that has a pid now, held for a scope: taken hold of at its beginning, and released at its end.
class HeldProcess {
 public:
  HeldProcess(ProcessControl& control, Pid pid) noexcept
      : control_(control), process_{.pid = pid}, refused_(control.open(pid, process_)) {}
  HeldProcess(const HeldProcess&) = delete;
  HeldProcess& operator=(const HeldProcess&) = delete;
  ~HeldProcess() {
    if (isHeld()) control_.release(process_);
  }

  /// One that has exited is held as well.
  bool isHeld() const noexcept { return refused_.empty(); }
  /// Why it is not held.
  const Failures& refused() const noexcept { return refused_; }
  Process& process() noexcept { return process_; }

 private:
  ProcessControl& control_;
  Process process_;
  const Failures refused_;
};

/// Probes the process, to the end unless a thaw comes: then it is `Unknown`.
inline ProcessState probe(ProcessControl& control, const Process& process, const Slice& slice) noexcept {
  ThreadScan scan;
  return control.probe(process, scan, {slice.ticket}).value_or(ProcessState::Unknown);
}

/// Probes whatever process has the pid now: `Gone` where none has it, `Unknown` where it cannot be opened.
inline ProcessState probe(ProcessControl& control, Pid pid, const Slice& slice = {}) noexcept {
  HeldProcess held(control, pid);
  if (!held.isHeld()) return ProcessState::Unknown;
  return held.process().hasExited ? ProcessState::Gone : probe(control, held.process(), slice);
}

/// The best that this kernel and its seccomp filter allow, chosen once per process: pidfds, then `kill` guarded by the
/// start time, then plain `kill`, and off POSIX one that supports nothing. It lives for ever.
ProcessControl& systemControl() noexcept;

}  // namespace freeze_state

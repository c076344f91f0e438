#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <span>

#include "../deadline.h"
#include "../failure.h"

namespace freeze_state {

enum class Signal : std::uint8_t { Stop, Continue };

/// A process that was registered, as the kernel can be asked about it: by pidfd where there are pidfds, else by
/// pid and start time, else by pid. Filled in by the control that opened it, and opaque to everybody else.
struct Process {
  Pid pid = 0;
  int fd = -1;                  ///< pidfd_open(2), owned; -1 where there is none
  std::uint64_t startTime = 0;  ///< clock ticks since boot, proc_pid_stat(5) field 22; 0 where it is not used
  int threadsStopped = 0;       ///< how many of its threads a look that is not at its end has seen stopped
};

/// What a process does, by the letter that proc_pid_stat(5) has for it. Of several threads the one most awake counts.
enum class ProcessState : std::uint8_t {
  Running,   ///< R
  Sleeping,  ///< S, D, I: a stop reaches an S at once, and a D when its system call lets it
  Traced,    ///< t, and a SIGSTOP that it will take when its tracer lets it go on; it cannot fork before that
  Stopped,   ///< T, t: every thread of it
  Zombie,    ///< Z: exited, not reaped
  Gone,      ///< no such process any more
  Unknown,   ///< it is there, and nothing tells what it does
};

/// A process of the set, and what we did to it.
struct Member {
  Process process;
  bool gone = false;          ///< it has exited (a zombie has), or never existed; it is dropped at the next chance
  bool stopped = false;       ///< our SIGSTOP reached it, or `wasStopped`; and no SIGCONT of ours has yet
  bool wasStopped = false;    ///< someone else had stopped it before we did; noted for a confirmation, and in trees
  bool hasStopped = false;    ///< since our SIGSTOP it was seen stopped
  unsigned looksAwake = 0;    ///< in how many looks since our SIGSTOP it was awake
  bool isLeaderless = false;  ///< of a group: its leader has exited, and others may live
  Pid parent = 0;             ///< whose child it was found to be; 0 for one that was registered
};

/// Whether SIGSTOP is to be sent again after so many looks: at ever longer intervals. A tracer passes on each, and is
/// to come to an end with it.
constexpr bool isTimeToRepeat(unsigned looksAwake) noexcept {
  constexpr unsigned kOnItsWay = 4;
  return looksAwake >= kOnItsWay && std::has_single_bit(looksAwake);
}

/// How processes are found and signalled. The state machine knows processes only through this interface, so that a
/// test can put a scripted one in its place. One object serves every state in every thread: the methods take no
/// lock and keep no data; a member is guarded by the lock of the state it belongs to.
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

  /// Takes hold of the process that has this pid now. A pid that nothing has is a member that is gone, not a
  /// failure. Signals nothing. Fails with `ThreadId` for the id of a thread and `ResourceExhausted`; then nothing
  /// is held.
  virtual Failures open(Pid pid, Member& member) noexcept = 0;

  /// Lets go of what `open` took.
  virtual void release(Process& process) noexcept = 0;

  /// Sends the signal to that very process and no other. Returns 0, or the errno(3); ESRCH means that it is gone.
  virtual int send(const Process& process, Signal signal) noexcept = 0;

  /// What the process does now, as /proc tells it; where there is none, or it cannot be read, waitid(2) tells of a
  /// child of ours whether it has stopped, and WNOWAIT leaves that and its exit for others to wait for.
  virtual ProcessState look(const Process& process) noexcept = 0;

  /// The same, where many threads make it a long look: nothing until the deadline has let it come to an end. The next
  /// call goes on from there.
  virtual std::optional<ProcessState> lookUntil(Process& process, Deadline /*until*/) noexcept { return look(process); }

  /// Whether it is stopped, by whomever: the cheapest answer to that, by its first thread, say. Of a child of ours
  /// whose stop somebody has waited for, it may be no.
  virtual bool isStopped(const Process& process) noexcept { return look(process) == ProcessState::Stopped; }

  /// Marks the members that have exited, reaped or not: kill(2) succeeds on a zombie, so `send` cannot tell. Where
  /// nothing can tell, a member counts as alive.
  virtual void findGone(std::span<Member> members) noexcept = 0;
};

/// A look at whatever has the pid now.
inline ProcessState lookAt(ProcessControl& control, Pid pid) noexcept {
  Member member;
  if (!control.open(pid, member).empty()) return ProcessState::Unknown;
  const ProcessState state = member.gone ? ProcessState::Gone : control.look(member.process);
  control.release(member.process);
  return state;
}

/// The best control that this kernel and its seccomp filter allow, chosen once per process: pidfds, then `kill`
/// guarded by the start time, then plain `kill`, and off POSIX one that supports nothing. It lives for ever.
ProcessControl& systemControl() noexcept;

}  // namespace freeze_state

#pragma once

#include <optional>
#include <span>
#include <vector>

#include "process_control.h"

namespace freeze_state {

/// Signals the whole process group that a process leads, by one system call (kill(2) with a negative pid). On Linux it
/// reaches a process that is being forked at that moment too. The leader itself is identified and probed by another
/// control.
class GroupControl : public ProcessControl {
 public:
  explicit GroupControl(ProcessControl& processes) noexcept : processes_(processes) {}

  const char* name() const noexcept override { return processes_.name(); }
  bool isSupported() const noexcept override { return processes_.isSupported(); }
  Pid ownPid() const noexcept override { return processes_.ownPid(); }
  const char* sendCall() const noexcept override { return "kill"; }
  /// Also fails with `NotGroupLeader` and `OwnGroup`.
  Failures open(Pid pid, Process& leader) noexcept override;
  void release(Process& leader) noexcept override { processes_.release(leader); }
  int send(const Process& group, Signal signal) noexcept override;
  /// The state of the leader. Where the leader has exited and the group lives it is `Unknown`: the group may be
  /// stopped.
  ProcessState probe(const Process& leader) noexcept override;
  std::optional<ProcessState> probe(const Process& leader, ThreadScan& scan, const Slice& slice) noexcept override;
  /// A group outlives its leader: it is gone with its last process. Where zombies take signals, one that has only
  /// zombies left counts as alive here; `ProcessGroupFreezer` checks for those.
  void findExited(std::span<Process* const> groups) noexcept override;
  bool isKernelThread(Pid pid) noexcept override { return processes_.isKernelThread(pid); }
  LedgerIdentity identify(Process& leader) noexcept override;

  /// `NotGroupLeader` where the leader has moved to another group, and `OwnGroup` where we have moved into this one:
  /// setpgid(2) may do either at any time.
  std::optional<FailureCode> whyUnfit(const Process& leader) const noexcept override;

  /// Whether the leader has not exited.
  bool hasLeader(const Process& group) const noexcept;
  /// Appends the numbers of those that have not exited and whose leaders have.
  void findLeaderless(std::span<Process* const> groups, std::vector<Pid>& numbers) const;
  /// Whether the number still is this group's. If so, a process that was in the group of that number before this call
  /// was in this group. Returns 0 if it is; ESRCH if this group has become empty, even if another group has the number
  /// now; any other errno(3) if nothing tells.
  int check(const Process& group) const noexcept;
  /// The control of single processes.
  ProcessControl& processes() const noexcept { return processes_; }

 protected:
  /// The group of a process, by getpgid(2), and our own; 0 where there is no such process.
  virtual Pid groupOf(Pid pid) const noexcept;
  virtual Pid ownGroup() const noexcept;
  /// Sends the signal of that number to the group. Returns 0, or the errno(3): ESRCH where the group is gone.
  virtual int sendNumber(const Process& group, int signal) const noexcept;

 private:
  template <typename Visit>
  void visitLeaderless(std::span<Process* const> groups, Visit visit) const;
  ProcessState stateOf(const Process& group, ProcessState leader) const noexcept;

  ProcessControl& processes_;
};

/// The best that this system has, over `systemControl()`. It lives for ever.
GroupControl& systemGroupControl() noexcept;

}  // namespace freeze_state

#pragma once

#include <optional>

#include "process_control.h"

namespace freeze_state {

/// Signals the whole process group that a process leads, by one system call (kill(2) with a negative pid), which
/// reaches a process that is being forked at that moment too. Another control identifies and probes the leader.
class GroupControl : public ProcessControl {
 public:
  explicit GroupControl(ProcessControl& processes) noexcept : processes_(processes) {}

  const char* name() const noexcept override { return processes_.name(); }
  bool isSupported() const noexcept override { return processes_.isSupported(); }
  Pid ownPid() const noexcept override { return processes_.ownPid(); }
  const char* sendCall() const noexcept override { return "kill"; }
  /// Fails with `NotGroupLeader` and `OwnGroup`, besides.
  Failures open(Pid pid, Process& leader) noexcept override;
  void release(Process& leader) noexcept override { processes_.release(leader); }
  int send(const Process& group, Signal signal) noexcept override;
  /// Of the leader. Where that has exited and the group lives, nothing is known of it: it may be stopped.
  ProcessState probe(const Process& leader) noexcept override;
  std::optional<ProcessState> probe(const Process& leader, ThreadScan& scan, const Slice& slice) noexcept override;
  /// A group outlives its leader: it is gone with its last process. One that has only zombies left counts as alive
  /// here, since they take signals; `ProcessGroupFreezer` checks for those.
  void findExited(std::span<Process* const> groups) noexcept override;
  bool isKernelThread(Pid pid) noexcept override { return processes_.isKernelThread(pid); }
  LedgerIdentity identify(Process& leader) noexcept override;

  /// It has moved to another group, `NotGroupLeader`, or we have moved into this one, `OwnGroup`: setpgid(2) may do
  /// either at any time.
  std::optional<FailureCode> whyUnfit(const Process& leader) const noexcept override;

  /// Whether the leader has not exited.
  bool hasLeader(const Process& group) const noexcept;
  /// The control of single processes.
  ProcessControl& processes() const noexcept { return processes_; }

 protected:
  /// Of the process, by getpgid(2), and of ourselves; 0 where there is no such process.
  virtual Pid groupOf(Pid pid) const noexcept;
  virtual Pid ownGroup() const noexcept;
  /// Returns 0, or the errno(3).
  virtual int sendNumber(const Process& group, int signal) const noexcept;

 private:
  ProcessState stateOf(const Process& group, ProcessState leader) const noexcept;

  ProcessControl& processes_;
};

}  // namespace freeze_state

#pragma once

#include "../process_control.h"

namespace freeze_state {

/// Signals the whole process group that a process leads, by one system call (kill(2) with a negative pid), which
/// reaches a process that is being forked at that moment too. Who the leader is and what it does, another control
/// tells.
class GroupControl : public ProcessControl {
 public:
  explicit GroupControl(ProcessControl& leaders) noexcept : leaders_(leaders) {}

  const char* name() const noexcept override { return leaders_.name(); }
  bool isSupported() const noexcept override { return leaders_.isSupported(); }
  Pid ownPid() const noexcept override { return leaders_.ownPid(); }
  const char* sendCall() const noexcept override { return "kill"; }
  /// Fails with `NotGroupLeader` and `OwnGroup`, besides.
  Failures open(Pid pid, Member& member) noexcept override;
  void release(Process& process) noexcept override { leaders_.release(process); }
  int send(const Process& process, Signal signal) noexcept override;
  ProcessState look(const Process& leader) noexcept override { return leaders_.look(leader); }
  std::optional<ProcessState> lookUntil(Process& leader, Deadline until) noexcept override {
    return leaders_.lookUntil(leader, until);
  }
  /// A group outlives its leader: it is gone with its last process.
  void findGone(std::span<Member> members) noexcept override;

 protected:
  ProcessControl& leaders() noexcept { return leaders_; }

 private:
  ProcessControl& leaders_;
};

}  // namespace freeze_state

#pragma once

#include "../process_control.h"

namespace freeze_state {

/// Plain kill(2) by pid, for systems that offer nothing better. A pid that is reused between registration and a freeze
/// cannot be told from the old one here, except that a child of ours cannot be reused before it is reaped.
class KillControl : public ProcessControl {
 public:
  const char* name() const noexcept override { return "kill"; }
  Pid ownPid() const noexcept override;
  const char* sendCall() const noexcept override { return "kill"; }
  Failures open(Pid pid, Process& process) noexcept override;
  void release(Process&) noexcept override {}
  int send(const Process& process, Signal signal) noexcept override;
  ProcessState probe(const Process& process) noexcept override;
  void findExited(std::span<Process* const> processes) noexcept override;
};

/// The signal's number on this system.
int signalNumber(Signal signal) noexcept;

}  // namespace freeze_state

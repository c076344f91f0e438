#pragma once

#include "../posix/kill_control.h"

namespace freeze_state {

/// kill(2), after a check that the pid still belongs to the process that was opened, by the number that macOS gives to
/// each process once. It promises what `StartTimeControl` does on Linux, and has its name: between the check and the
/// signal the pid could in theory be reused.
class UniqueIdControl final : public KillControl {
 public:
  const char* name() const noexcept override { return "start-time"; }
  Failures open(Pid pid, Process& process) noexcept override;
  int send(const Process& process, Signal signal) noexcept override;
  ProcessState probe(const Process& process) noexcept override;
  void findExited(std::span<Process* const> processes) noexcept override;
};

}  // namespace freeze_state

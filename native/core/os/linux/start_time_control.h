#pragma once

#include "../posix/kill_control.h"

namespace freeze_state {

/// kill(2), after a check that the pid still belongs to the process that started when the member did. For kernels
/// older than 5.3 and for seccomp filters without pidfds. Between the check and the signal the pid could in theory be
/// reused; a pidfd has no such gap.
class StartTimeControl final : public KillControl {
 public:
  const char* name() const noexcept override { return "start-time"; }
  Failures open(Pid pid, Process& process) noexcept override;
  int send(const Process& process, Signal signal) noexcept override;
  ProcessState probe(const Process& process) noexcept override;
  std::optional<ProcessState> probe(const Process& process, ThreadScan& scan, const Slice& slice) noexcept override;
  bool isStopped(const Process& process) noexcept override;
  bool isKernelThread(Pid pid) noexcept override;
  Pid tracerOf(const Process& process) noexcept override;
  LedgerIdentity identify(Process& process) noexcept override;
  void findExited(std::span<Process* const> processes) noexcept override;
};

}  // namespace freeze_state

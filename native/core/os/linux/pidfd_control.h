#pragma once

#include "../process_control.h"

namespace freeze_state {

/// Signals through a pidfd, which stands for one process for as long as it is open: a pid that is reused cannot be hit.
/// Needs Linux 5.3 (pidfd_open(2), pidfd_send_signal(2)) and a seccomp filter that lets both through.
class PidfdControl : public ProcessControl {
 public:
  /// Whether the kernel answers; tried on ourselves, with signal 0.
  static bool isAvailable() noexcept;

  const char* name() const noexcept override { return "pidfd"; }
  Pid ownPid() const noexcept override;
  const char* sendCall() const noexcept override { return "pidfd_send_signal"; }
  Failures open(Pid pid, Process& process) noexcept override;
  void release(Process& process) noexcept override;
  bool keep(Process& process) noexcept override;
  bool reopen(Process& process) noexcept override;
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

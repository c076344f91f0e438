#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "../../core/state/freeze_state.h"

namespace freeze_state::test {

/// A control for many threads, whose processes are a few variables each: stopped or not, and by which caller.
class Model final : public ProcessControl {
 public:
  static constexpr Pid kFirst = 1000;
  static constexpr std::size_t kProcesses = 8;

  /// A thread that is about to call a freeze sets this mark, and its stops carry it. 0 for a registration.
  static void setCaller(std::uint64_t mark) noexcept;

  /// The mark of the stop in force; `kRunning` for none.
  std::uint64_t stoppedBy(std::size_t process) const noexcept { return processes_[process].stoppedBy.load(); }
  static constexpr std::uint64_t kRunning = ~std::uint64_t{0};

  const char* name() const noexcept override { return "model"; }
  Pid ownPid() const noexcept override { return 1; }
  const char* sendCall() const noexcept override { return "model"; }
  Failures open(Pid pid, Process& process) noexcept override;
  void release(Process& process) noexcept override { process.fd = -1; }
  int send(const Process& process, Signal signal) noexcept override;
  ProcessState probe(const Process& process) noexcept override;
  void findExited(std::span<Process* const> processes) noexcept override;

 private:
  struct Modelled {
    std::atomic<std::uint64_t> stoppedBy{kRunning};
    /// Deliberately not atomic: the state's lock is what must keep two threads from signalling one process at a time,
    /// and the thread sanitizer sees here whether it does.
    std::uint64_t signals = 0;
  };

  std::array<Modelled, kProcesses> processes_;
};

}  // namespace freeze_state::test

#pragma once

#include "../process_table.h"

namespace freeze_state {

/// By libproc. It tells of a process what it does as a whole, and nothing of its threads. `Stopped` means that the
/// process has been marked as stopped. The kernel sets that mark before it suspends the threads, and a thread that is
/// amid a fork(2) then, preempted or blocked, finishes it. So a process that is seen stopped may still get a child.
class DarwinProcessTable final : public ProcessTable {
 public:
  bool isAvailable() const noexcept override { return true; }
  bool showsAll() const noexcept override { return true; }
  int read(Pid pid, ProcessEntry& entry) noexcept override;
  ProcessState probe(Pid pid) noexcept override;
  std::optional<ProcessState> probe(Pid pid, ThreadScan& scan, const Slice& slice) noexcept override;
  bool isExiting(Pid pid) noexcept override;
  Pid groupOf(Pid pid) noexcept override;
  /// Asked only of a process that sleeps, and libproc does not tell sleep from work.
  bool sharesMemory(Pid /*parent*/, Pid /*child*/) noexcept override { return false; }
  ProcessDoing describe(Pid pid) override;
  std::unique_ptr<ProcessWalk> walk() override;
  std::unique_ptr<ChildReader> children() override;
};

}  // namespace freeze_state

#pragma once

#include "../process_table.h"

namespace freeze_state {

/// By proc(5). Children are found by /proc/<pid>/task/<tid>/children (proc_tid_children(5)), which kernels have that
/// are built with CONFIG_PROC_CHILDREN; elsewhere by the parents in all of /proc/<pid>/stat, once a pass.
class LinuxProcessTable : public ProcessTable {
 public:
  /// How children are found. The second is for kernels without the first, and for tests.
  enum class Means : std::uint8_t { ChildrenFiles, ParentScan };
  static Means bestMeans() noexcept;

  explicit LinuxProcessTable(Means means) noexcept : means_(means) {}

  bool isAvailable() const noexcept override;
  bool showsAll() const noexcept override;
  int read(Pid pid, ProcessEntry& entry) noexcept override;
  int readOf(const Process& process, ProcessEntry& entry) noexcept override;
  ProcessDoing describe(Pid pid) override;
  ProcessState probe(Pid pid) noexcept override;
  std::optional<ProcessState> probe(Pid pid, ThreadScan& scan, const Slice& slice) noexcept override;
  std::shared_ptr<ProcessFiles> filesOf(Pid pid) override;
  std::optional<ProcessState> probeBy(ProcessFiles& files, ThreadScan& scan, const Slice& slice) noexcept override;
  bool isExiting(Pid pid) noexcept override;
  bool delaysFreeze(Pid pid) noexcept override;
  Pid groupOf(Pid pid) noexcept override;
  /// By kcmp(2), where that is permitted.
  bool sharesMemory(Pid parent, Pid child) noexcept override;
  std::unique_ptr<ProcessWalk> walk() override;
  std::unique_ptr<ChildReader> children() override;

 private:
  const Means means_;
};

}  // namespace freeze_state

#pragma once

#include <optional>
#include <unordered_map>

#include "../process_table.h"
#include "procfs.h"

namespace freeze_state {

/// By /proc/<pid>/task/<tid>/children (proc_tid_children(5)), which kernels have that are built with
/// CONFIG_PROC_CHILDREN; elsewhere by the parents in all of /proc/<pid>/stat, once a pass.
class LinuxProcessTable final : public ProcessTable {
 public:
  /// How children are found; the second is for kernels without the first, and for tests.
  enum class Means : std::uint8_t { Children, Scan };
  static Means bestMeans() noexcept;

  explicit LinuxProcessTable(Means means) noexcept : means_(means) {}

  bool isKnown() const noexcept override;
  void startOver() noexcept override;
  int beginPass(Deadline until) override;
  int children(Pid pid, std::vector<Pid>& list, Deadline until) override;
  int relation(Pid pid, Relation& relation) override;
  /// By kcmp(2), where that is permitted.
  bool sharesMemory(Pid parent, Pid child) override;
  void pause() override;

 private:
  int scan(Deadline until);
  int childrenOfThreads(Pid pid, std::vector<Pid>& list, Deadline until);

  const Means means_;
  std::unordered_multimap<Pid, Pid> childrenOf_;  ///< as the last scan found them
  std::optional<proc::Numbers> walk_;             ///< of the scan, or of the threads of `asked_`, that is under way
  Pid asked_ = 0;
};

}  // namespace freeze_state

#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "../os/process_table.h"
#include "process.h"
#include "tree_walk.h"

namespace freeze_state {

/// The registered processes and all their descendants; tree_stop.h has how they are stopped. Descendants are held for
/// the length of one freeze. The thaw continues exactly them, the registered ones first; one that somebody else had
/// stopped before is left as it was.
class TreeFreezer final : public ProcessFreezer {
 public:
  TreeFreezer(const LoopOptions& options, ProcessControl& control, std::unique_ptr<ProcessTable> table) noexcept
      : ProcessFreezer(options, control), table_(std::move(table)), descendants_(control) {}

  bool isSupported() const noexcept override { return ProcessFreezer::isSupported() && table_->isKnown(); }
  /// Fails with `OwnAncestor`, besides.
  Failures add(Pid pid, const Ticket* frozen) override;
  /// Where the member is a descendant of another, it is only counted as such from now on, and nothing is continued.
  UnregisterResult remove(Pid pid) override;
  void beginStop() override;
  StopResult stop(const Ticket& ticket, bool isNoting, Deadline until) override;
  Failures resume(Whom whom) override;
  bool isAnyStopped() const noexcept override { return members_.isAnyStopped() || descendants_.isAnyStopped(); }
  Failures clear() override;
  std::vector<Pid> unstopped(const Ticket& frozen, Deadline until) override;
  std::vector<Pid> awaited() const override;
  std::vector<MemberOutcome> outcomes() override;
  std::vector<Pid> everyone() override;
  /// While running, it finds the descendants as they are now.
  std::optional<MemberStatus> inspect(Pid pid, std::vector<Pid>& found) override;

 private:
  void endStop() noexcept;
  bool isOurAncestor(Pid pid);
  Failures addFrozen(Member newcomer, const Ticket& frozen);
  bool isBelow(Pid pid, Pid root) noexcept;
  Failures resumeBelow(Pid root);
  void continueStrangers();
  void continueStranger(Pid pid, const std::unordered_set<Pid>& known);

  const std::unique_ptr<ProcessTable> table_;
  MemberList descendants_;  ///< in the order in which they were found; empty while running
  std::size_t descendantsCursor_ = 0;
  std::optional<TreeWalk> stop_;  ///< once the members have been signalled, until it is done or begun anew
};

}  // namespace freeze_state

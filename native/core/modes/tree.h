#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "../os/process_table.h"
#include "process.h"
#include "tree_walk.h"

namespace freeze_state {

/// The registered processes and all their descendants; tree_walk.h has how they are stopped. Descendants are held for
/// the length of one freeze. The thaw continues exactly what the freeze stopped, the registered ones first. A
/// descendant that was stopped before is left as it was.
class TreeFreezer final : public ProcessFreezer {
 public:
  TreeFreezer(const LoopOptions& options, ProcessControl& control, ProcessTable& table, Ledger* ledger = nullptr)
      : ProcessFreezer(options, control, ledger, 1, table.isAvailable()),
        table_(table),
        reader_(table.children()),
        descendants_(control) {}

  /// Also fails with `OwnAncestor`.
  Failures admit(MemberList& members, Member& member, const Ticket* frozen) override;
  /// A stopped member that descends from another member is kept as a descendant from now on, and nothing is continued.
  Failures dismiss(MemberList& members, Member& member, const Ticket* frozen) override;
  void begin(MemberList& members) override;
  Step stop(MemberList& members, const Slice& slice, StoppedBefore before) override;
  Step confirm(MemberList& members, const Slice& slice) override;
  Failures resume(MemberList& members, ResumeScope scope) override;
  bool isAnyStopped(const MemberList& members) const noexcept override {
    return members.isAnyStopped() || !descendants_.list.isEmpty();
  }
  std::vector<Covered> visit(MemberList& members) override;
  /// While nothing is stopped, it looks up the descendants as they are now.
  std::optional<MemberStatus> inspect(MemberList& members, Pid pid, std::vector<Pid>& found,
                                      const Slice& slice) override;
  Failures close(MemberList& members) override;

 private:
  Step walk(MemberList& members, const Slice& slice);
  void endWalk() noexcept;
  Failures admitFrozen(MemberList& members, Member& newcomer, const Ticket& frozen);
  Failures stopTree(MemberList& members, Member& root, const Ticket& frozen);
  bool isBelow(Pid pid, Pid root) noexcept;
  Failures resumeBelow(Pid root);
  void resumeForeignStops(MemberList& members);
  void resumeForeignStops(Pid pid, const std::unordered_set<Pid>& known);

  ProcessTable& table_;
  const std::unique_ptr<ChildReader> reader_;
  Descendants descendants_;  ///< its list is empty while nothing is stopped
  ConfirmCursor descendantsCursor_;
  std::optional<TreeWalk> walk_;  ///< in progress; ended where a member joins or leaves, and then begun again
  bool isWalked_ = false;         ///< a walk has come to its end since `begin`
};

}  // namespace freeze_state

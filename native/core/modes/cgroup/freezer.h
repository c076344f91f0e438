#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "../../os/freezable_cgroup.h"
#include "../../os/ledger.h"
#include "../freezer.h"
#include "membership.h"

namespace freeze_state {

/// A cgroup of version 2, which the kernel freezes as a whole: one write stops all that is in it, and no SIGCONT wakes
/// it. Members are moved into it, and moved back when they leave; what they start is in it from birth.
class CgroupFreezer final : public Freezer {
 public:
  CgroupFreezer(std::unique_ptr<FreezableCgroup> group, ProcessControl& control, Ledger* ledger = nullptr,
                CgroupAccess access = {})
      : Freezer(control, true, ledger, group->path()),
        group_(std::move(group)),
        entry_(ledger == nullptr ? LedgerEntry() : ledger->enter(group_->identify())),
        membership_(*group_, control, std::move(access)) {}

  Failures admit(MemberList& members, Member& newcomer, const Ticket* frozen) override;
  Failures expect(MemberList& members, Member& newcomer, const Ticket* frozen) override;
  /// Moves it in again where a foreign process has moved it out, or where it has not joined by itself.
  Failures readmit(MemberList& members, Member& member) override;
  Failures dismiss(MemberList& members, Member& member, const Ticket* frozen) override;
  /// True also where all members have exited and a descendant lives in an owned group.
  bool isAnyAlive(const MemberList& members) const noexcept override;
  void begin(MemberList& members) override;
  Step stop(MemberList& members, const Slice& slice, StoppedBefore before) override;
  Step confirm(MemberList& members, const Slice& slice) override;
  Failures resume(MemberList& members, ResumeScope scope) override;
  /// Also true if another state has thawed it by force: our marks stay until our own thaw.
  bool isAnyStopped(const MemberList& /*members*/) const noexcept override { return hasFrozen_; }
  std::vector<Covered> visit(MemberList& members) override;
  std::optional<MemberStatus> inspect(MemberList& members, Pid pid, std::vector<Pid>& found,
                                      const Slice& slice) override;
  Failures close(MemberList& members) override;

 private:
  Failures open(Member& newcomer);
  Failures whyNotNow(const MemberList& members);
  Failures whyOurs(const std::vector<Pid>& inside) const;
  Step noteStopped(MemberList& members, const Slice& slice);
  Failures whyStillFrozen(bool hadFrozen) const;
  Step freeze(const MemberList& members, const Slice& slice);
  void findPending(std::vector<Covered>& list) const;
  int setFrozen(bool isFrozen) const noexcept;
  void release() noexcept;
  void leaveLedger() noexcept;
  void resumeForeignStops(const MemberList& members);
  /// Whether our freeze is in force. It is not where others have thawed the group, and another state of this process
  /// has frozen it since.
  bool isFrozenByUs() const noexcept { return hasFrozen_ && membership_.claim().load() == membership_.id(); }

  const std::unique_ptr<FreezableCgroup> group_;
  LedgerEntry entry_;  ///< marked while the group may be frozen by us
  Membership membership_;
  bool hasFrozen_ = false;  ///< we have frozen it, and not thawed it since
  bool isClosed_ = false;
  bool hasOwnTurn_ = false;  ///< the caller was asked to turn to its other work before the next step of the stop
  bool isNoting_ = false;    ///< a confirmation notes which members were stopped before
  std::size_t noted_ = 0;    ///< how many members were asked whether they were stopped before
  /// The ids of the threads that were in the group just before our freeze, sorted. In a frozen group no thread ends
  /// before the rest of its process.
  std::vector<Pid> inside_;
};

}  // namespace freeze_state

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "../../os/signal_loop.h"
#include "../../platform/platform.h"
#include "../freezer.h"
#include "freeze_file.h"
#include "membership.h"
#include "origins.h"

namespace freeze_state {

/// A control group of version 2, which the kernel freezes as a whole: one write stops all that is in it, and no SIGCONT
/// wakes it. Members are moved into it, and moved back when they leave; what they start is in it from birth.
class CgroupFreezer final : public Freezer {
 public:
  static FreezerResult make(const CgroupPlace& place, const LoopOptions& options, ProcessControl& control);
  CgroupFreezer(const CgroupFreezer&) = delete;
  CgroupFreezer& operator=(const CgroupFreezer&) = delete;
  ~CgroupFreezer() override;

  bool isSupported() const noexcept override { return true; }
  Pid ownPid() const noexcept override { return control_.ownPid(); }
  bool isEmpty() const noexcept override { return members_.empty(); }
  std::vector<Pid> pids() const override;
  Failures add(Pid pid, const Ticket* frozen) override;
  UnregisterResult remove(Pid pid) override;
  void beginStop() override;
  StopResult stop(const Ticket& ticket, bool isNoting, Deadline until) override;
  Failures resume(Whom whom) override;
  /// A member's children go on when it has ended.
  bool isAnyAlive() const noexcept override;
  bool isAnyStopped() const noexcept override { return isFrozenByUs(); }
  Failures deaths() const override;
  void findGone() noexcept override;
  void dropGone() noexcept override;
  Failures clear() override;
  std::vector<Pid> unstopped(const Ticket& frozen, Deadline until) override;
  std::vector<Pid> awaited() const override { return {}; }
  std::vector<MemberOutcome> outcomes() override;
  std::vector<Pid> everyone() override;
  std::optional<MemberStatus> inspect(Pid pid, std::vector<Pid>& found) override;

 private:
  CgroupFreezer(std::unique_ptr<FreezeFile> group, const LoopOptions& options, ProcessControl& control)
      : options_(options),
        control_(control),
        group_(std::move(group)),
        moves_(group_->path(), group_->mount()),
        place_(Origins::all().enter(group_->path(), group_->isMade())),
        id_(place_.owner) {}

  struct Registered {
    Member member;
    Homes homes;  ///< where it was before
  };

  std::vector<Pid> others() const;
  Failures whyNotNow() const;
  Failures whyFrozen() const;
  Failures whyHeld(bool hadFrozen) const;
  void continueAll();
  Failures freeze(const Ticket& ticket);
  void letGo() noexcept;
  bool isThere() const noexcept;
  int set(bool isFrozen) const noexcept;
  int findDirectory(Pid pid, std::string& directory) const;
  int findInside(Pid pid, bool& isInside) const;
  bool isInside(Pid pid, bool otherwise) const;
  Failure failureOf(int error, const char* call) const { return cgroup::laterFailure(error, call, group_->path()); }
  Failure lookFailure(int error, Pid pid) const;
  Failures findLeft(const std::vector<Pid>& inside) const;
  Failures moveIn(Member& member, const Homes& homes);
  Failures moveBackIn(Registered& one);
  std::unordered_set<Pid> ofOthers() const;
  Failures moveProcessTableOut(const Registered& one) const;
  Failures moveFamiliesOut() const;
  Failures moveAllOut();
  Registered* find(Pid pid) noexcept;
  /// Not any more where it was thawed by others, and another state of this process has frozen it since.
  bool isFrozenByUs() const noexcept { return hasFrozen_ && place_.freezer->load() == id_; }

  const LoopOptions options_;
  ProcessControl& control_;
  const std::unique_ptr<FreezeFile> group_;
  const Membership moves_;
  const Origins::Place place_;
  const std::uint64_t id_;   ///< among all states; see Origins
  bool hasDropped_ = false;  ///< members that Origins still has
  bool hasFrozen_ = false;   ///< and not thawed since
  bool isCleared_ = false;
  std::vector<Registered> members_;
  std::size_t noted_ = 0;  ///< so many members a stop that is under way has looked at
  bool hasNoted_ = false;  ///< all of them, in a step of its own
};

}  // namespace freeze_state

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../scope.h"
#include "../system_scope.h"
#include "cgroup_freezer.h"

namespace freeze_state {

/// A control group of version 2, which the kernel freezes as a whole: one write stops all that is in it, and no SIGCONT
/// wakes it. Members are moved into it, and moved back when they leave; what they start is in it from birth.
class CgroupScope final : public Scope {
 public:
  static ScopeResult make(const CgroupPlace& place, Signaller& signaller);
  CgroupScope(const CgroupScope&) = delete;
  CgroupScope& operator=(const CgroupScope&) = delete;
  ~CgroupScope() override;

  bool isSupported() const noexcept override { return true; }
  Pid ownPid() const noexcept override { return signaller_.ownPid(); }
  bool isEmpty() const noexcept override { return members_.empty(); }
  std::vector<Pid> pids() const override;
  Failures add(Pid pid, const Ticket* frozen) override;
  UnregisterResult remove(Pid pid) override;
  void beginStop() override { findGone(); }
  StopResult stop(const Ticket& ticket, bool isNoting, Deadline until) override;
  Failures resume(Whom whom) override;
  /// A member's children go on when it has ended.
  bool isAnyAlive() const noexcept override;
  bool isAnyStopped() const noexcept override { return isFrozenByUs_; }
  Failures deaths() const override;
  void findGone() noexcept override;
  void dropGone() noexcept override;
  Failures clear() override;
  std::vector<Pid> unstopped(const Ticket& frozen, Deadline until) override;
  std::vector<MemberOutcome> outcomes() override;
  std::vector<Pid> everyone() override;
  std::optional<MemberStatus> inspect(Pid pid, std::vector<Pid>& found) override;

 private:
  CgroupScope(std::unique_ptr<CgroupFreezer> group, Signaller& signaller)
      : signaller_(signaller), group_(std::move(group)) {}

  struct Registered {
    Member member;
    std::string origin;  ///< the directory of the cgroup it was in
  };

  bool isInside(Pid pid) const;
  std::string originOf(Pid pid) const;
  Failures freeze(const Ticket& ticket, bool isNoting);
  Failures findLeft(const std::vector<Pid>& inside) const;
  Failures moveIn(Member& member, const std::string& origin);
  std::vector<Pid> inhabitants() const;
  std::vector<Pid> familyOf(Pid pid) const;
  Failures moveOut(Pid pid, const std::string& origin);
  Failures moveAllOut();
  Registered* find(Pid pid) noexcept;

  Signaller& signaller_;
  const std::unique_ptr<CgroupFreezer> group_;
  bool isFrozenByUs_ = false;
  bool isCleared_ = false;
  std::vector<Registered> members_;
};

}  // namespace freeze_state

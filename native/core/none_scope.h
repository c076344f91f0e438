#pragma once

#include <algorithm>
#include <vector>

#include "scope.h"
#include "signaller.h"

namespace freeze_state {

/// Nothing: pids are remembered, and no process is ever signalled.
class NoneScope final : public Scope {
 public:
  explicit NoneScope(Signaller& signaller) noexcept : signaller_(signaller) {}

  bool isSupported() const noexcept override { return true; }
  Pid ownPid() const noexcept override { return signaller_.ownPid(); }
  bool isEmpty() const noexcept override { return pids_.empty(); }
  std::vector<Pid> pids() const override { return pids_; }
  Failures add(Pid pid, const Ticket* /*frozen*/) override {
    if (std::ranges::find(pids_, pid) == pids_.end()) pids_.push_back(pid);
    return {};
  }
  UnregisterResult remove(Pid pid) override { return {std::erase(pids_, pid) > 0, {}}; }
  Failures stop(const Ticket& /*ticket*/, bool /*isNoting*/) override { return {}; }
  Failures resume(Whom /*whom*/) override { return {}; }
  bool isAnyAlive() const noexcept override { return false; }
  bool isAnyStopped() const noexcept override { return false; }
  Failures deaths() const override { return {}; }
  void findGone() noexcept override {}
  void dropGone() noexcept override {}
  Failures clear() override {
    pids_.clear();
    return {};
  }
  std::vector<Pid> unstopped(const Ticket& /*frozen*/, Deadline /*until*/) override { return {}; }
  std::vector<MemberOutcome> outcomes() override { return {}; }
  /// A look at each for this once: what has the pid now may be another process than the one that was registered.
  std::vector<MemberStatus> inspect() override {
    std::vector<MemberStatus> list;
    for (const Pid pid : pids_) {
      Member member;
      const bool isOpen = signaller_.open(pid, member).empty();
      const ProcessState state = isOpen && !member.gone ? signaller_.look(member.process) : ProcessState::Gone;
      list.push_back({pid, isOpen ? state : ProcessState::Unknown, true, false});
      if (isOpen) signaller_.release(member.process);
    }
    return list;
  }

 private:
  Signaller& signaller_;
  std::vector<Pid> pids_;
};

}  // namespace freeze_state

#pragma once

#include <algorithm>
#include <vector>

#include "../os/process_control.h"
#include "freezer.h"

namespace freeze_state {

/// Nothing: pids are remembered, and no process is ever signalled.
class NoneFreezer final : public Freezer {
 public:
  explicit NoneFreezer(ProcessControl& control) noexcept : control_(control) {}

  bool isSupported() const noexcept override { return true; }
  Pid ownPid() const noexcept override { return control_.ownPid(); }
  bool isEmpty() const noexcept override { return pids_.empty(); }
  std::vector<Pid> pids() const override { return pids_; }
  Failures add(Pid pid, const Ticket* /*frozen*/) override {
    if (std::ranges::find(pids_, pid) == pids_.end()) pids_.push_back(pid);
    return {};
  }
  UnregisterResult remove(Pid pid) override { return {std::erase(pids_, pid) > 0, {}}; }
  void beginStop() override {}
  StopResult stop(const Ticket& /*ticket*/, bool /*isNoting*/, Deadline /*until*/) override { return {}; }
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
  std::vector<Pid> awaited() const override { return {}; }
  std::vector<MemberOutcome> outcomes() override { return {}; }
  std::vector<Pid> everyone() override { return pids_; }
  /// What has the pid now may be another process than the one that was registered.
  std::optional<MemberStatus> inspect(Pid pid, std::vector<Pid>& /*found*/) override {
    return MemberStatus{pid, lookAt(control_, pid), true, false};
  }

 private:
  ProcessControl& control_;
  std::vector<Pid> pids_;
};

}  // namespace freeze_state

#pragma once

#include "freezer.h"

namespace freeze_state {

/// Nothing: pids are remembered, and no process is ever signalled.
class NoneFreezer final : public Freezer {
 public:
  explicit NoneFreezer(ProcessControl& control) noexcept : Freezer(control, true) {}

  Failures admit(MemberList& /*members*/, Member& /*member*/, const Ticket* /*frozen*/) override { return {}; }
  Failures dismiss(MemberList& /*members*/, Member& /*member*/, const Ticket* /*frozen*/) override { return {}; }
  void refresh(MemberList& /*members*/) noexcept override {}
  void begin(MemberList& /*members*/) override {}
  Step stop(MemberList& /*members*/, const Slice& /*slice*/, StoppedBefore /*before*/) override { return Step::done(); }
  Step confirm(MemberList& /*members*/, const Slice& /*slice*/) override { return Step::done(); }
  Failures resume(MemberList& /*members*/, ResumeScope /*scope*/) override { return {}; }
  /// What has the pid now may be another process than the one that was registered.
  std::optional<MemberStatus> inspect(MemberList& members, Pid pid, std::vector<Pid>& /*found*/,
                                      const Slice& slice) override {
    const Member* const member = members.find(pid);
    if (member == nullptr) return std::nullopt;
    return MemberStatus{.pid = pid, .state = probe(control(), pid, slice), .isRecorded = member->isRecorded()};
  }
};

}  // namespace freeze_state

#include "process.h"

#include <optional>

namespace freeze_state {

Failures ProcessFreezer::open(Member& newcomer) noexcept {
  if (Failures failures = control().open(newcomer.pid(), newcomer.process); !failures.empty()) return failures;
  control().checkExited(newcomer.process);
  return {};
}

Failures ProcessFreezer::admit(MemberList& /*members*/, Member& member, const Ticket* frozen) {
  if (Failures failures = open(member); !failures.empty()) return failures;
  // Not stopped if a thaw came in the meantime: that thaw must not have one more process to continue.
  if (frozen == nullptr || !frozen->isCurrent() || member.hasExited()) return {};
  protocol_.prepare(member, StoppedBefore::Ignored);
  const SignalLoop loop(options_, reach_);
  const auto failure = protocol_.stopPrepared(member);
  if (!failure) return {};
  // It moved to another group while it was signalled. What the signal has reached is continued.
  if (member.stop.isSent) protocol_.resume(member);
  return {*failure};
}

Failures ProcessFreezer::dismiss(MemberList& /*members*/, Member& member, const Ticket* /*frozen*/) {
  if (!member.stop.isSent) return {};
  const SignalLoop loop(options_, reach_);
  const auto failure = protocol_.resume(member);
  return failure ? Failures{*failure} : Failures();
}

void ProcessFreezer::begin(MemberList& members) {
  members.refresh();
  StopProtocol::forgetSeen(members);
  prepared_ = 0;
  signalled_ = 0;
  cursor_ = {};
}

Step ProcessFreezer::stop(MemberList& members, const Slice& slice, StoppedBefore before) {
  std::optional<SignalLoop> loop;
  while (signalled_ < members.size()) {
    if (signalled_ == prepared_) {
      loop.reset();
      protocol_.prepareSome(members.all(), prepared_, slice, before);
    }
    // Before a deadline only a few are signalled: for so few the real-time class costs more than it saves. That goes
    // for a group of any size: it is signalled under a lock with which nothing preempts this thread (kill_pgrp_info in
    // the kernel's signal.c).
    if (!loop) loop.emplace(options_, slice.until == kNoDeadline ? (prepared_ - signalled_) * reach_ : 1);
    if (Step step = protocol_.stopAll(members.all().first(prepared_), signalled_, slice); !step.isDone()) return step;
    if (signalled_ < members.size() && slice.isOver()) return Step::endedBy(slice);
  }
  return Step::done();
}

Step ProcessFreezer::confirm(MemberList& members, const Slice& slice) {
  return confirmMembers(members, slice, nullptr);
}

Failures ProcessFreezer::resume(MemberList& members, ResumeScope scope) {
  Failures failures;
  if (scope != ResumeScope::All && !members.isAnyStopped()) return failures;
  const SignalLoop loop(options_, members.size() * reach_);
  protocol_.resumeAll(members, scope, failures);
  return failures;
}

}  // namespace freeze_state

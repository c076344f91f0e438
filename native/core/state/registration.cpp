#include "registration.h"

#include <cstddef>
#include <ranges>
#include <utility>

namespace freeze_state {

RegisterResult Registration::add(std::span<const std::int64_t> pids, bool areJoining) {
  for (std::size_t i = 0; i < pids.size(); ++i) {
    Failures failures = admit(static_cast<Pid>(pids[i]), areJoining);
    if (failures.empty()) continue;
    takeBack(failures);
    return {std::move(failures), i};
  }
  return {};
}

Failures Registration::admit(Pid pid, bool isJoining) {
  MemberList& members = state_.members_;
  Freezer& freezer = *state_.freezer_;
  if (Member* known = members.find(pid); known != nullptr) {
    freezer.refresh(members);
    if (!known->hasExited()) return freezer.readmit(members, *known);
    members.remove(*known);
  }
  Member& newcomer = members.add({.process = {.pid = pid}});
  Failures failures =
      isJoining ? freezer.expect(members, newcomer, ifFrozen()) : freezer.admit(members, newcomer, ifFrozen());
  if (failures.empty()) {
    enterAsEnding(newcomer);
    added_.push_back(pid);
  } else {
    members.remove(newcomer);
  }
  return failures;
}

/// Removes what was added, the last one first.
void Registration::takeBack(Failures& failures) {
  for (const Pid pid : std::views::reverse(added_)) {
    // A pid that was listed twice, and whose process exited in between, is in `added_` twice. Its second turn here
    // finds no member.
    if (Member* const member = state_.members_.find(pid); member != nullptr) append(failures, remove(*member));
  }
}

Failures Registration::remove(Member& member) {
  Failures failures = state_.freezer_->dismiss(state_.members_, member, ifFrozen());
  if (failures.empty()) state_.members_.remove(member);
  return failures;
}

/// Enters the member in the ledger, so that the guardian ends it if this process dies.
void Registration::enterAsEnding(Member& member) noexcept {
  Ledger* const ending = state_.ending_;
  if (ending == nullptr || member.hasExited()) return;
  ending->awaitReader();
  ProcessControl& control = state_.freezer_->control();
  if (state_.mode_ != Mode::None) {
    member.ending = ending->enter(control.identify(member.process));
    return;
  }
  // Mode `None` keeps no hold of its members.
  HeldProcess held(control, member.pid());
  if (held.isHeld()) member.ending = ending->enter(control.identify(held.process()));
}

}  // namespace freeze_state

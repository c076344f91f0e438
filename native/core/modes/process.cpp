#include "process.h"

#include <cerrno>

namespace freeze_state {

std::vector<Pid> ProcessFreezer::pids() const {
  std::vector<Pid> pids;
  pids.reserve(members_.size());
  for (const Member& member : members_.all()) pids.push_back(member.process.pid);
  return pids;
}

Failures ProcessFreezer::open(Pid pid, std::optional<Member>& newcomer) {
  if (Member* known = members_.find(pid); known != nullptr) {
    control_.findGone({known, 1});
    if (!known->gone) return {};
    members_.remove(*known);
  }
  Member member;
  member.process.pid = pid;
  if (Failures failures = control_.open(pid, member); !failures.empty()) return failures;
  control_.findGone({&member, 1});
  newcomer = member;
  return {};
}

Failures ProcessFreezer::add(Pid pid, const Ticket* frozen) {
  std::optional<Member> newcomer;
  if (Failures failures = open(pid, newcomer); !failures.empty() || !newcomer) return failures;
  // A thaw that came meanwhile is not to find one more to continue.
  if (frozen != nullptr && frozen->isCurrent() && !newcomer->gone) {
    const SignalLoop loop(options_, reach_);
    if (const auto failure = members_.stop(*newcomer, false); failure) {
      control_.release(newcomer->process);
      return {*failure};
    }
  }
  members_.add(*newcomer);
  return {};
}

UnregisterResult ProcessFreezer::remove(Pid pid) {
  Member* member = members_.find(pid);
  if (member == nullptr) return {};
  if (member->stopped) {
    const SignalLoop loop(options_, reach_);
    if (const auto failure = members_.resume(*member); failure) return {true, {*failure}};
  }
  members_.remove(*member);
  return {true, {}};
}

void ProcessFreezer::beginStop() {
  members_.findGone();
  signalled_ = 0;
}

StopResult ProcessFreezer::stop(const Ticket& ticket, bool isNoting, Deadline until) {
  const SignalLoop loop(options_, (members_.size() - signalled_) * reach_);
  return members_.stop(ticket, isNoting, until, signalled_);
}

Failures ProcessFreezer::resume(Whom whom) {
  Failures failures;
  if (whom == Whom::Stopped && !members_.isAnyStopped()) return failures;
  const SignalLoop loop(options_, members_.size() * reach_);
  members_.resume(whom, failures);
  return failures;
}

Failures ProcessFreezer::deaths() const {
  Failures failures;
  for (const Member& member : members_.all())
    failures.push_back({FailureCode::ProcessNotFound, member.process.pid, ESRCH, control_.sendCall()});
  return failures;
}

Failures ProcessFreezer::clear() {
  members_.clear();
  return {};
}

std::vector<Pid> ProcessFreezer::unstopped(const Ticket& frozen, Deadline until) {
  std::vector<Pid> pids;
  members_.unstopped(frozen, until, cursor_, pids);
  return pids;
}

std::vector<Pid> ProcessFreezer::awaited() const {
  std::vector<Pid> pids;
  members_.awaited(pids);
  return pids;
}

std::vector<MemberOutcome> ProcessFreezer::outcomes() {
  std::vector<MemberOutcome> list;
  members_.outcomes(list);
  return list;
}

std::optional<MemberStatus> ProcessFreezer::inspect(Pid pid, std::vector<Pid>& /*found*/) {
  const Member* const member = members_.find(pid);
  if (member == nullptr) return std::nullopt;
  return MemberStatus{pid, control_.look(member->process), true, member->stopped};
}

}  // namespace freeze_state

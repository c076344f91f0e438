#include "member_list.h"

#include <algorithm>
#include <cerrno>

namespace freeze_state {

Member* MemberList::find(Pid pid) noexcept {
  Member* dead = nullptr;
  for (Member& member : members_) {
    if (member.process.pid != pid) continue;
    if (!member.gone) return &member;
    if (dead == nullptr) dead = &member;
  }
  return dead;
}

bool MemberList::isAnyAlive() const noexcept {
  return std::ranges::any_of(members_, [](const Member& member) { return !member.gone; });
}

bool MemberList::isAnyStopped() const noexcept {
  return std::ranges::any_of(members_, [](const Member& member) { return member.stopped; });
}

std::optional<Failure> MemberList::stop(Member& member, bool isNoting) {
  // Not anew where a stop is begun again: by then it was we who stopped it.
  if (!member.stopped) member.wasStopped = isNoting && control_.isStopped(member.process);
  member.hasStopped = false;
  member.process.threadsStopped = 0;
  member.looksAwake = 0;
  const int error = control_.send(member.process, Signal::Stop);
  if (error == 0) member.stopped = true;
  if (error == ESRCH) member.gone = true;
  if (error == 0 || error == ESRCH) return std::nullopt;
  return sendFailure(member, error);
}

void MemberList::foundAwake(Member& member) noexcept {
  if (!isTimeToRepeat(++member.looksAwake) || control_.send(member.process, Signal::Stop) != 0) return;
  // If somebody else had stopped it, it was let go: from now on it is ours to continue.
  member.stopped = true;
  member.wasStopped = false;
}

StopResult MemberList::stop(const Ticket& ticket, bool isNoting, Deadline until, std::size_t& next) {
  // Between two signals, so that a thaw waits for one signal at most (G6).
  while (next < members_.size() && ticket.isCurrent()) {
    Member& member = members_[next++];
    if (member.gone) continue;
    if (const auto failure = stop(member, isNoting); failure) return {true, {*failure}};
    if (next < members_.size() && hasPassed(until)) return {false, {}};
  }
  return {};
}

std::optional<Failure> MemberList::resume(Member& member) {
  const int error = control_.send(member.process, Signal::Continue);
  if (error != 0 && error != ESRCH) return sendFailure(member, error);
  member.stopped = false;
  member.gone = member.gone || error == ESRCH;
  return std::nullopt;
}

void MemberList::resume(Whom whom, Failures& failures) {
  for (Member& member : members_) {
    if (member.gone || (whom == Whom::Stopped && !member.stopped)) continue;
    if (const auto failure = resume(member); failure) failures.push_back(*failure);
  }
}

std::optional<bool> MemberList::isSettled(Member& member, Deadline until) noexcept {
  if (member.gone || member.hasStopped) return true;
  const auto state = control_.lookUntil(member.process, until);
  if (!state) return std::nullopt;
  member.hasStopped = state == ProcessState::Stopped;
  member.gone = state == ProcessState::Gone || state == ProcessState::Zombie;
  if (state == ProcessState::Running || state == ProcessState::Sleeping) foundAwake(member);
  return member.gone || member.hasStopped;
}

void MemberList::unstopped(const Ticket& ticket, Deadline until, std::size_t& cursor, std::vector<Pid>& pids) {
  // Each at most once, and from where the last call left off, so that one that never stops does not hide the others.
  for (std::size_t looks = 0; looks < members_.size(); ++looks) {
    if (!ticket.isCurrent() || hasPassed(until)) break;
    if (cursor >= members_.size()) cursor = 0;
    if (isSettled(members_[cursor], until)) ++cursor;
  }
  for (const Member& member : members_) {
    if (!member.gone && !member.hasStopped) pids.push_back(member.process.pid);
  }
}

void MemberList::awaited(std::vector<Pid>& pids) const {
  for (const Member& member : members_) {
    if (member.stopped && !member.gone && !member.hasStopped) pids.push_back(member.process.pid);
  }
}

void MemberList::outcomes(std::vector<MemberOutcome>& list) const {
  for (const Member& member : members_) {
    const Outcome alive = member.wasStopped ? Outcome::AlreadyStopped : Outcome::Stopped;
    list.push_back({member.process.pid, member.gone ? Outcome::Gone : alive});
  }
}

void MemberList::remove(Member& member) noexcept {
  control_.release(member.process);
  members_.erase(members_.begin() + (&member - members_.data()));
}

void MemberList::dropGone() noexcept {
  std::erase_if(members_, [this](Member& member) {
    if (member.gone) control_.release(member.process);
    return member.gone;
  });
}

void MemberList::clear() noexcept {
  for (Member& member : members_) control_.release(member.process);
  members_.clear();
}

Failure MemberList::sendFailure(const Member& member, int error) const {
  const FailureCode code = error == EPERM ? FailureCode::PermissionDenied : FailureCode::SignalFailed;
  return {code, member.process.pid, error, control_.sendCall(), member.stopped};
}

}  // namespace freeze_state

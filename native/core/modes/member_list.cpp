#include "member_list.h"

#include <algorithm>
#include <cerrno>

namespace freeze_state {

std::vector<Pid> MemberList::pids() const {
  std::vector<Pid> pids;
  pids.reserve(members_.size());
  for (const Member& member : members_) pids.push_back(member.pid());
  return pids;
}

Member* MemberList::find(Pid pid) noexcept {
  Member* dead = nullptr;
  for (Member& member : members_) {
    if (member.pid() != pid) continue;
    if (!member.hasExited()) return &member;
    if (dead == nullptr) dead = &member;
  }
  return dead;
}

bool MemberList::isAnyAlive() const noexcept {
  return std::ranges::any_of(members_, [](const Member& member) { return !member.hasExited(); });
}

bool MemberList::isAnyStopped() const noexcept {
  return std::ranges::any_of(members_, [](const Member& member) { return member.stop.isSent; });
}

Failures MemberList::deaths() const {
  Failures failures;
  for (const Member& member : members_)
    failures.push_back(
        {.code = FailureCode::ProcessNotFound, .pid = member.pid(), .error = ESRCH, .call = control_.sendCall()});
  return failures;
}

void MemberList::refresh() noexcept {
  visitProcesses([this](std::span<Process* const> some) { control_.findExited(some); });
}

void MemberList::remove(Member& member) noexcept {
  control_.release(member.process);
  members_.erase(members_.begin() + (&member - members_.data()));
}

void MemberList::clear() noexcept {
  for (Member& member : members_) control_.release(member.process);
  members_.clear();
}

}  // namespace freeze_state

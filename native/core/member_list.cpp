#include "member_list.h"

#include <algorithm>

namespace freeze_state {

Member* MemberList::find(Pid pid) noexcept {
  const auto found = std::ranges::find_if(members_, [pid](const Member& member) { return member.process.pid == pid; });
  return found == members_.end() ? nullptr : &*found;
}

bool MemberList::anyAlive() const noexcept {
  return std::ranges::any_of(members_, [](const Member& member) { return !member.gone; });
}

bool MemberList::anyStopped() const noexcept {
  return std::ranges::any_of(members_, [](const Member& member) { return member.stopped; });
}

void MemberList::remove(Member& member) noexcept {
  signaller_.release(member.process);
  members_.erase(members_.begin() + (&member - members_.data()));
}

void MemberList::dropGone() noexcept {
  std::erase_if(members_, [this](Member& member) {
    if (member.gone) signaller_.release(member.process);
    return member.gone;
  });
}

void MemberList::clear() noexcept {
  for (Member& member : members_) signaller_.release(member.process);
  members_.clear();
}

}  // namespace freeze_state

#include "freezer.h"

namespace freeze_state {

Outcome Freezer::outcomeOf(const Member& member) noexcept {
  if (member.hasExited()) return Outcome::Gone;
  return member.stop.wasStoppedBefore ? Outcome::AlreadyStopped : Outcome::StoppedByUs;
}

std::vector<Covered> Freezer::visit(MemberList& members) {
  std::vector<Covered> list;
  list.reserve(members.size());
  addTo(list, members);
  return list;
}

std::optional<MemberStatus> Freezer::inspect(MemberList& members, Pid pid, std::vector<Pid>& /*found*/,
                                             const Slice& slice) {
  const Member* const member = members.find(pid);
  if (member == nullptr) return std::nullopt;
  return MemberStatus{.pid = pid,
                      .state = probe(control_, member->process, slice),
                      .isStoppedByUs = member->stop.isSent,
                      .isRecorded = member->isRecorded()};
}

}  // namespace freeze_state

#include "freezer.h"

namespace freeze_state {

void Freezer::addTo(std::vector<Covered>& list, const MemberList& members) {
  for (const Member& member : members.all()) {
    const Outcome alive = member.stop.wasStoppedBefore ? Outcome::AlreadyStopped : Outcome::Stopped;
    list.push_back(
        {member.pid(), member.hasExited() ? Outcome::Gone : alive, !member.hasExited() && member.stop.isPending()});
  }
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
  return MemberStatus{pid, probe(control_, member->process, slice), true, member->stop.isSent};
}

}  // namespace freeze_state

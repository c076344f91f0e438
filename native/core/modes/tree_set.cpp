#include "tree_set.h"

#include <array>
#include <cerrno>
#include <utility>

namespace freeze_state {

TreeSet::TreeSet(ProcessControl& control, ProcessTable& table, MemberList& roots, Descendants& descendants,
                 const StopProtocol& protocol)
    : control_(control), table_(table), roots_(roots), descendants_(descendants), protocol_(protocol) {
  roots_.refresh();
  descendants_.list.refresh();
  const std::vector<Pid> pids = living();
  known_.insert(pids.begin(), pids.end());
}

Member* TreeSet::find(Pid pid) noexcept {
  Member* const root = roots_.find(pid);
  if (root != nullptr && !root->hasExited()) return root;
  Member* const descendant = descendants_.list.find(pid);
  return descendant == nullptr || (descendant->hasExited() && root != nullptr) ? root : descendant;
}

std::vector<Pid> TreeSet::living() const {
  std::vector<Pid> pids;
  for (const MemberList* list : {&roots_, &descendants_.list}) {
    for (const Member& member : list->all()) {
      if (!member.hasExited()) pids.push_back(member.pid());
    }
  }
  return pids;
}

bool TreeSet::checkExited(Member& member) noexcept {
  if (!control_.checkExited(member.process)) return false;
  forget(member.pid());
  return true;
}

bool TreeSet::findExited() noexcept {
  const std::size_t before = known_.size();
  for (MemberList* list : {&roots_, &descendants_.list}) {
    list->refresh();
    for (const Member& member : list->all()) {
      // Of two with the same pid, the other may live.
      if (member.hasExited() && known_.contains(member.pid()) && find(member.pid())->hasExited()) forget(member.pid());
    }
  }
  return known_.size() != before;
}

void TreeSet::forget(Pid pid) {
  known_.erase(pid);
  // Zombies that were its children may have been reaped by another parent, and their numbers reused.
  dead_.clear();
}

TreeSet::Adoption TreeSet::adopt(Pid pid, Pid parent, const Slice& slice) {
  if (pid == control_.ownPid()) return {{{.code = FailureCode::OwnAncestor, .pid = parent}}};
  Member child{.process = descendants_.recall(pid)};
  const bool isReopened = control_.reopen(child.process);
  if (!isReopened) {
    if (Failures failures = control_.open(pid, child.process); !failures.empty()) return {std::move(failures)};
  }
  const bool isThere = !child.hasExited();
  Adoption adoption = signal(child, parent, slice);
  if (adoption.isNew) {
    descendants_.add(std::move(child), parent);
    known_.insert(pid);
    return adoption;
  }
  // A zombie stays on the list of its parent, which is stopped. A process that was reaped is off that list, and its pid
  // can come back. One that was reopened may have been reaped long ago, so the next pass opens its pid anew.
  if (!isReopened && isThere && child.hasExited() && adoption.failures.empty()) dead_.insert(pid);
  control_.release(child.process);
  return adoption;
}

bool TreeSet::readopt(const Descendants::Link& link, const Slice& slice) {
  if (isKnown(link.pid)) return true;
  Member child{.process = descendants_.recall(link.pid)};
  const bool isReopened = control_.reopen(child.process);
  // Where the signal fails, the pass that meets it says so.
  if (isReopened && isKnown(link.parent) && signal(child, link.parent, slice).isNew) {
    descendants_.add(std::move(child), link.parent);
    known_.insert(link.pid);
    return true;
  }
  const bool hasExited = isReopened && control_.checkExited(child.process);
  control_.release(child.process);
  return hasExited;
}

TreeSet::Adoption TreeSet::signal(Member& child, Pid parent, const Slice& slice) {
  Relation now;
  const auto error = readRelation(table_, child.process, slice, now);
  // What was read is about these two processes if both still live afterwards.
  Member& listedBy = *find(parent);
  const std::array<Process*, 2> both{&child.process, &listedBy.process};
  control_.findExited(both);
  if (listedBy.hasExited()) forget(parent);
  if (child.hasExited() || !error) return {};
  if (*error != 0) return {{readFailure(child.pid(), *error == ESRCH ? EACCES : *error)}};
  // It has another parent by now. If that one is in the set, the next pass finds it there.
  if (now.parent != parent || listedBy.hasExited()) return {};
  if (now.isStopped) {
    // Not signalled. If that stop is taken back before we have seen it, `StopProtocol::stopAgain` makes it ours.
    child.stop.wasStoppedBefore = true;
  } else if (const auto failure = protocol_.stop(child, StoppedBefore::Ignored); failure) {
    return {{*failure}};
  }
  return {{}, !child.hasExited()};
}

std::optional<int> TreeSet::readRelation(ProcessTable& table, const Process& process, const Slice& slice,
                                         Relation& relation) {
  ProcessEntry entry;
  if (const int error = table.readOf(process, entry); error != 0) return error;
  relation = {entry.parent, entry.state == 'T'};
  if (!entry.isLeaderless()) return 0;
  ThreadScan scan;
  const auto state = table.probe(process.pid, scan, {slice.ticket});
  if (!state) return std::nullopt;
  relation.isStopped = *state == ProcessState::Stopped;
  return 0;
}

}  // namespace freeze_state

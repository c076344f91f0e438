#include "tree.h"

#include <cerrno>
#include <utility>

namespace freeze_state {

namespace {

/// What a `SignalLoop` over a walk is told, so that it does not boost: a walk waits for each process that it has
/// signalled, and that process may need our processor meanwhile.
constexpr std::size_t kOneByOne = 1;

}  // namespace

Failures TreeFreezer::admit(MemberList& members, Member& member, const Ticket* frozen) {
  endWalk();
  // An ancestor that /proc hides is not recognized here; `TreeWalk` then refuses to stop us.
  if (isAncestor(table_, member.pid(), control().ownPid()))
    return {{.code = FailureCode::OwnAncestor, .pid = member.pid()}};
  if (Failures failures = open(member); !failures.empty()) return failures;
  descendants_.noteIncomplete();
  if (frozen == nullptr || !frozen->isCurrent() || member.hasExited()) return {};
  return admitFrozen(members, member, *frozen);
}

Failures TreeFreezer::admitFrozen(MemberList& members, Member& newcomer, const Ticket& frozen) {
  const Pid pid = newcomer.pid();
  // Descendants that have exited stay until the thaw: they are the links between the others and their members.
  descendants_.list.refresh();
  if (Member* known = descendants_.list.find(pid); known != nullptr && !known->hasExited()) {
    // Stopped already, with all that is below it.
    newcomer.stop = known->stop;
    newcomer.entry = std::move(known->entry);
    descendants_.remove(*known);
    if (newcomer.stop.isSent) return {};
    // A foreign process has stopped it, and it would run once that process takes its stop back (G5).
    const auto failure = protocol_.stop(newcomer, StoppedBefore::Ignored);
    return failure ? Failures{*failure} : Failures();
  }
  Failures failures = stopTree(members, newcomer, frozen);
  if (failures.empty() || !newcomer.stop.isSent) return failures;
  append(failures, resumeBelow(pid));
  if (const auto failure = protocol_.resume(newcomer); failure) failures.push_back(*failure);
  return failures;
}

/// Stops the member and what is below it, until a thaw comes.
Failures TreeFreezer::stopTree(MemberList& members, Member& root, const Ticket& frozen) {
  const SignalLoop loop(options_, kOneByOne);
  if (const auto failure = protocol_.stop(root, StoppedBefore::Ignored); failure) return {*failure};
  descendants_.noteIncomplete();
  return TreeWalk(control(), table_, *reader_, members, descendants_, protocol_).run({&frozen}).failures;
}

Failures TreeFreezer::dismiss(MemberList& members, Member& member, const Ticket* frozen) {
  endWalk();
  const Pid pid = member.pid();
  if (member.stop.isSent && !member.hasExited()) {
    ProcessEntry entry;
    const int error = verified(control(), member.process, [&] { return table_.read(pid, entry); });
    if (error != 0 && error != ESRCH) return {readFailure(pid, error)};
    const bool isChild =
        error == 0 && (members.find(entry.parent) != nullptr || descendants_.list.find(entry.parent) != nullptr);
    if (isChild && !isBelow(entry.parent, pid)) {
      descendants_.add({member.process, member.stop, std::move(member.entry)}, entry.parent);
      member.process.fd = -1;  // the descendant's now
      return {};
    }
    const SignalLoop loop(options_, kOneByOne);
    if (const auto failure = protocol_.resume(member); failure) return {*failure};
  }
  Failures failures = resumeBelow(pid);
  // It stays a member, so nothing of its tree may run (G5).
  if (!failures.empty() && frozen != nullptr && !member.hasExited())
    append(failures, stopTree(members, member, *frozen));
  return failures;
}

/// Whether the process was found below that member, with no other member in between.
bool TreeFreezer::isBelow(Pid pid, Pid root) noexcept {
  // A pid that was reused may make a circle.
  for (std::size_t steps = 0; pid != root; ++steps) {
    const Pid parent = descendants_.parentOf(pid);
    if (parent == 0 || steps > descendants_.list.size()) return false;
    pid = parent;
  }
  return true;
}

Failures TreeFreezer::resumeBelow(Pid root) {
  std::unordered_set<Pid> below;
  for (const Member& member : descendants_.list.all()) {
    if (isBelow(member.pid(), root)) below.insert(member.pid());
  }
  Failures failures;
  {
    const SignalLoop loop(options_, below.size());
    for (Member& member : descendants_.list.all()) {
      if (!below.contains(member.pid()) || !member.stop.isSent || member.hasExited()) continue;
      if (const auto failure = protocol_.resume(member); failure) failures.push_back(*failure);
    }
  }
  // Dropped only now, since `isBelow` needs the parents of all of them.
  descendants_.closeResumed(below);
  return failures;
}

void TreeFreezer::begin(MemberList& members) {
  ProcessFreezer::begin(members);
  StopProtocol::forgetSeen(descendants_.list);
  descendantsCursor_ = {};
  endWalk();
  isWalked_ = false;
}

/// Ends the walk, and closes what it held open of /proc.
void TreeFreezer::endWalk() noexcept {
  walk_.reset();
  reader_->reset();
}

Step TreeFreezer::stop(MemberList& members, const Slice& slice, StoppedBefore before) {
  if (!walk_) {
    Step step = ProcessFreezer::stop(members, slice, before);
    if (!step.isDone()) return step;
  }
  return walk(members, slice);
}

/// Walks the trees, once the members have been signalled.
Step TreeFreezer::walk(MemberList& members, const Slice& slice) {
  if (!walk_) walk_.emplace(control(), table_, *reader_, members, descendants_, protocol_);
  const SignalLoop loop(options_, kOneByOne);
  Step step = walk_->run(slice);
  if (step.isUnfinished()) return step;
  endWalk();
  isWalked_ = step.isDone();
  if (isWalked_) descendants_.noteComplete();
  return step;
}

/// A tree that an earlier call has frozen is walked again: a foreign process may have continued one of its processes
/// since, which may have forked.
Step TreeFreezer::confirm(MemberList& members, const Slice& slice) {
  if (!isWalked_) {
    if (Step step = walk(members, slice); !step.isDone()) return step;
  }
  Step roots = confirmMembers(members, slice, &descendants_.list);
  Step rest = protocol_.confirmAll(descendants_.list, descendantsCursor_, slice, &members);
  if (roots.kind == Step::Kind::More || rest.isDone()) return roots;
  return rest;
}

Failures TreeFreezer::resume(MemberList& members, ResumeScope scope) {
  Failures failures;
  endWalk();
  if (scope != ResumeScope::All && !isAnyStopped(members)) return failures;
  {
    const SignalLoop loop(options_, members.size() + descendants_.list.size());
    protocol_.resumeAll(members, scope, failures);
    protocol_.resumeAll(descendants_.list, scope, failures);
  }
  if (scope == ResumeScope::All) resumeForeignStops(members);
  // Those that refuse stay, with their marks.
  descendants_.dropResumed();
  return failures;
}

Failures TreeFreezer::close(MemberList& members) {
  endWalk();
  descendants_.clear();
  return ProcessFreezer::close(members);
}

std::vector<Covered> TreeFreezer::visit(MemberList& members) {
  std::vector<Covered> list = ProcessFreezer::visit(members);
  addTo(list, descendants_.list);
  return list;
}

std::optional<MemberStatus> TreeFreezer::inspect(MemberList& members, Pid pid, std::vector<Pid>& found,
                                                 const Slice& slice) {
  auto status = ProcessFreezer::inspect(members, pid, found, slice);
  if (!isAnyStopped(members)) {
    // Each member begins a pass for its own tree.
    if (status) reader_->reset();
    if (!status || reader_->beginPass(slice) == 0) reader_->read(pid, found, slice);
  }
  if (status) return status;
  const Member* const member = descendants_.list.find(pid);
  if (member == nullptr)
    return MemberStatus{.pid = pid, .state = freeze_state::probe(control(), pid, slice), .isRegistered = false};
  return MemberStatus{.pid = pid,
                      .state = freeze_state::probe(control(), member->process, slice),
                      .isRegistered = false,
                      .isStoppedByUs = member->stop.isSent,
                      .isRecorded = member->isRecorded()};
}

/// For a forced thaw: continues every stopped process that is below the members now, whether or not a freeze of ours
/// has met it. The members run meanwhile, so the walk may miss a process that is forked now. Such a process was not
/// stopped.
void TreeFreezer::resumeForeignStops(MemberList& members) {
  reader_->reset();
  if (reader_->beginPass({}) != 0) return;
  std::vector<Pid> queue;
  for (const Covered& one : visit(members)) queue.push_back(one.pid);
  std::unordered_set<Pid> known(queue.begin(), queue.end());
  for (std::size_t next = 0; next < queue.size(); ++next) {
    std::vector<Pid> children;
    reader_->read(queue[next], children, {});
    for (const Pid pid : children) {
      if (!known.insert(pid).second) continue;
      queue.push_back(pid);
      resumeForeignStops(pid, known);
    }
  }
}

void TreeFreezer::resumeForeignStops(Pid pid, const std::unordered_set<Pid>& known) {
  HeldProcess held(control(), pid);
  if (!held.isHeld()) return;
  Process& child = held.process();
  TreeSet::Relation now;
  // With no slice, nothing cuts it short.
  const int error =
      verified(control(), child, [&] { return TreeSet::readRelation(table_, child, {}, now).value_or(0); });
  if (error == 0 && now.isStopped && known.contains(now.parent)) control().send(child, Signal::Continue);
}

}  // namespace freeze_state

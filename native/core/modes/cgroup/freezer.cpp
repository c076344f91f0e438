#include "freezer.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "../../os/guardian.h"

namespace freeze_state {

namespace {

/// Of so many members it is asked in one go whether they were stopped before, which takes about 10 us. So the members
/// of most sandboxes are asked in the step of the write, and a turn of the event loop is saved, which takes as long.
constexpr std::size_t kNotedAtOnce = 16;

}  // namespace

Failures CgroupFreezer::open(Member& newcomer) {
  // Whatever is noted by this number is about a process that has exited.
  membership_.forget(newcomer.pid());
  // Its old member may have been taken out of the list, so all are asked again.
  noted_ = 0;
  return control().open(newcomer.pid(), newcomer.process);
}

Failures CgroupFreezer::admit(MemberList& members, Member& newcomer, const Ticket* /*frozen*/) {
  if (Failures failures = open(newcomer); !failures.empty()) return failures;
  return membership_.enter(members, newcomer.process, isFrozenByUs());
}

Failures CgroupFreezer::expect(MemberList& members, Member& newcomer, const Ticket* /*frozen*/) {
  if (Failures failures = open(newcomer); !failures.empty()) return failures;
  return membership_.expect(members, newcomer.process, isFrozenByUs());
}

Failures CgroupFreezer::readmit(MemberList& members, Member& member) {
  // A member that joined by itself did so before it started anything, so what it has started is inside with it.
  if (membership_.endJoin(member.pid()) && membership_.isInside(member.pid()).value_or(false)) return {};
  return membership_.enter(members, member.process, isFrozenByUs());
}

Failures CgroupFreezer::dismiss(MemberList& members, Member& member, const Ticket* /*frozen*/) {
  control().checkExited(member.process);
  // The ones behind it in the list move up, so all are asked again.
  noted_ = 0;
  return membership_.leave(members, member);
}

bool CgroupFreezer::isAnyAlive(const MemberList& members) const noexcept {
  return members.isAnyAlive() || (!members.isEmpty() && group_->isOwned() && group_->isPopulated());
}

void CgroupFreezer::begin(MemberList& members) {
  members.refresh();
  membership_.checkJoins(members);
  hasOwnTurn_ = false;
  noted_ = 0;
}

/// One write stops all. Which members were stopped before, a confirmation notes after it. With a deadline the checks
/// and the write, which cannot be divided, are left to the next step.
Step CgroupFreezer::stop(MemberList& members, const Slice& slice, StoppedBefore before) {
  isNoting_ = before == StoppedBefore::Noted;
  for (Member& member : members.all()) member.stop.wasStoppedBefore = false;
  if (slice.until != kNoDeadline && !std::exchange(hasOwnTurn_, true)) return Step::indivisible();
  return freeze(members, slice);
}

/// `CgroupOurs` where this process or its guardian is in the group or below it: it would be frozen, and could thaw
/// nothing. `inside` lists what is in the group itself, sorted; it was read anyway. Looking up a process's cgroup takes
/// as long as all other checks, so that is done only where there are groups below.
Failures CgroupFreezer::whyOurs(const std::vector<Pid>& inside) const {
  const bool mayBeBelow = group_->hasGroupsBelow();
  const auto find = [&](Pid pid, bool& isInside) {
    isInside = std::ranges::binary_search(inside, pid);
    return isInside || !mayBeBelow ? 0 : membership_.findInside(pid, isInside);
  };
  const auto refusal = [&](Pid pid) { return cgroup::refusal(FailureCode::CgroupOurs, group_->path(), pid); };
  const Pid own = control().ownPid();
  bool isInside = false;
  if (const int error = find(own, isInside); error != 0) return {membership_.placeFailure(error, own)};
  if (isInside) return {refusal(own)};
  // It is born in the cgroup that we were in, and a foreign process may move it.
  const Pid guard = guardian::pid();
  if (guard != 0 && find(guard, isInside) == 0 && isInside) return {refusal(guard)};
  return {};
}

/// Why the group cannot be frozen, or why a freeze of it would not reach a member.
Failures CgroupFreezer::whyNotNow(const MemberList& members) {
  // This comes first: where the group was removed, its path leads nowhere, or to another group.
  inside_.clear();
  if (const int error = group_->threads(inside_); error != 0) return {membership_.failureOf(error, "read")};
  std::ranges::sort(inside_);
  if (Failures failures = whyOurs(inside_); !failures.empty()) return failures;
  if (Failures failures = membership_.findMovedOut(members, inside_); !failures.empty()) return failures;
  if (isFrozenByUs()) return {};
  bool isSet = false;
  if (const int error = group_->readSet(isSet); error != 0) return {membership_.failureOf(error, "read")};
  if (!isSet && !group_->hasFrozen()) return {};
  return cgroup::whyFrozen(group_->path(), group_->mount());
}

/// Not in the real-time class of a `SignalLoop`: in it the write is a little shorter, but with up to a hundred
/// processes the last of them froze and ran again later, as measured on two processors.
int CgroupFreezer::setFrozen(bool isFrozen) const noexcept { return group_->setFrozen(isFrozen); }

/// The checks and the write are one step. Of two states of this process that share the group only one gets through: the
/// other one finds that the claim has changed since it was read.
Step CgroupFreezer::freeze(const MemberList& members, const Slice& slice) {
  const std::uint64_t id = membership_.id();
  std::uint64_t claim = membership_.claim().load();
  if (Failures failures = whyNotNow(members); !failures.empty()) return Step::failed(std::move(failures));
  if (slice.isCancelled()) return Step::cancelled();
  // Another state may have claimed the group and not have written yet.
  if ((claim != 0 && claim != id) || !membership_.claim().compare_exchange_strong(claim, id))
    return Step::failed({cgroup::refusal(FailureCode::CgroupFrozen, group_->path())});
  const bool wasFrozen = hasFrozen_ && claim == id;
  if (ledger() != nullptr) ledger()->awaitReader();
  // Before the write, so that the guardian finds the group whatever ends us in between.
  entry_.mark();
  if (const int error = setFrozen(true); error != 0) {
    // Where the thaw of an older freeze of ours has failed, the next one needs the claim and the mark.
    if (!wasFrozen) release();
    return Step::failed({membership_.failureOf(error, "write")});
  }
  hasFrozen_ = true;
  return Step::done();
}

/// Gives up the claim: from here on another state may freeze the group.
void CgroupFreezer::release() noexcept {
  std::uint64_t claim = membership_.id();
  membership_.claim().compare_exchange_strong(claim, 0);
  hasFrozen_ = false;
  entry_.clear();
}

Failures CgroupFreezer::resume(MemberList& members, ResumeScope scope) {
  if (isClosed_ || (scope == ResumeScope::Unrecorded && !entry_.isEmpty())) return {};
  if (scope != ResumeScope::All && !isFrozenByUs()) {
    // Another state has thawed by force what we froze. If the mark stayed, the guardian would thaw the group at our
    // end, although a foreign process may have frozen it since.
    release();
    return {};
  }
  // Read by one pread(2), and before the write, which changes it.
  const bool hadFrozen = group_->hasFrozen();
  const int error = setFrozen(false);
  // A foreign process has removed the group, or is removing it. So nothing is in it.
  const bool isGone = cgroup::meansRemoved(error);
  if (error != 0 && !isGone) {
    Failure failure = membership_.failureOf(error, "write");
    failure.isStopped = isFrozenByUs();
    return {failure};
  }
  if (scope == ResumeScope::All) membership_.claim().store(0);
  release();
  if (isGone) return {};
  if (scope == ResumeScope::All) resumeForeignStops(members);
  return whyStillFrozen(hadFrozen);
}

/// Why the group stays frozen although we have thawed it: a group above it is frozen. Asked after the thaw, so that it
/// delays no process.
Failures CgroupFreezer::whyStillFrozen(bool hadFrozen) const {
  if (group_->hasFrozen()) return cgroup::whyFrozen(group_->path(), group_->mount());
  // The kernel thaws at once a group that had frozen, so it runs.
  if (hadFrozen) return {};
  // The thaw came before all in the group had stopped. So cgroup.events says nothing: it would be the same while a
  // group above is still freezing this one. Where the files above cannot be read, the thaw counts as a success.
  Failures failures = cgroup::whyFrozen(group_->path(), group_->mount());
  std::erase_if(failures, [](const Failure& failure) { return failure.code != FailureCode::CgroupFrozen; });
  return failures;
}

/// For a forced thaw: continues also what foreign processes have stopped by a signal. In an external group it continues
/// only the members, since nothing tells whose the rest is.
void CgroupFreezer::resumeForeignStops(const MemberList& members) {
  for (const Member& member : members.all()) {
    if (!member.hasExited() && membership_.isInside(member.pid()).value_or(true))
      control().send(member.process, Signal::Continue);
  }
  if (!group_->isOwned()) return;
  for (const Pid pid : membership_.nonMembers(members)) {
    HeldProcess held(control(), pid);
    if (!held.isHeld()) continue;
    // Asked only once the process is held: what is inside by this number is then that process.
    if (!held.process().hasExited && membership_.isInside(pid).value_or(false))
      control().send(held.process(), Signal::Continue);
  }
}

/// Reads cgroup.events and does not wait for its notices, which the kernel limits to about 100 a second.
Step CgroupFreezer::confirm(MemberList& members, const Slice& slice) {
  // The joins come first: a process that joins a frozen group makes it count as not frozen for a moment.
  bool hasRead = false;
  for (Member& member : members.all()) {
    if (!membership_.isJoining(member.pid())) continue;
    if (std::exchange(hasRead, true) && slice.isOver()) return Step::endedBy(slice);
    if (membership_.checkJoin(member)) return Step::blocked();
  }
  if (isNoting_) {
    if (Step step = noteStopped(members, slice); !step.isDone()) return step;
  }
  return group_->hasFrozen() ? Step::done() : Step::blocked();
}

/// Notes which members were stopped before. That is done while the kernel freezes the group, since it shows as well
/// then: a process that a signal has stopped counts as frozen and stays in state T, and one that has frozen takes no
/// SIGSTOP before the thaw (do_signal_stop and do_freezer_trap in the kernel's signal.c). A SIGSTOP of others that
/// comes after the write, and before its target has frozen, counts as before.
Step CgroupFreezer::noteStopped(MemberList& members, const Slice& slice) {
  while (noted_ < members.size()) {
    Member& member = members.all()[noted_++];
    if (member.hasExited()) continue;
    member.stop.wasStoppedBefore = control().isStopped(member.process);
    if (noted_ < members.size() && noted_ % kNotedAtOnce == 0 && slice.isOver()) return Step::endedBy(slice);
  }
  return Step::done();
}

std::vector<Covered> CgroupFreezer::visit(MemberList& members) {
  members.refresh();
  std::vector<Covered> list;
  const bool isFrozen = isFrozenByUs();
  if (isFrozen) membership_.checkJoins(members);
  addTo(list, members, [&](const Member& one) { return isFrozen && membership_.isJoining(one.pid()); });
  const std::span<const Pid> known = isFrozen ? std::span<const Pid>(inside_) : std::span<const Pid>();
  for (const Pid pid : membership_.nonMembers(members, known))
    list.push_back({.pid = pid, .outcome = Outcome::StoppedByUs});
  if (isFrozenByUs() && !group_->hasFrozen()) findPending(list);
  return list;
}

/// Marks the processes that keep the group from being frozen, or all of them where nothing tells. The kernel counts the
/// frozen processes and does not name them, but a frozen process sleeps.
void CgroupFreezer::findPending(std::vector<Covered>& list) const {
  const auto isPending = [](const Covered& one) { return one.isPending; };
  for (Covered& one : list)
    one.isPending = one.isPending || (one.outcome != Outcome::Gone && membership_.delaysFreeze(one.pid));
  if (std::ranges::any_of(list, isPending)) return;
  for (Covered& one : list) one.isPending = one.outcome != Outcome::Gone;
}

std::optional<MemberStatus> CgroupFreezer::inspect(MemberList& members, Pid pid, std::vector<Pid>& /*found*/,
                                                   const Slice& slice) {
  const Member* const member = members.find(pid);
  const ProcessState state =
      member == nullptr ? probe(control(), pid, slice) : probe(control(), member->process, slice);
  const bool isAwake = state == ProcessState::Running || state == ProcessState::Sleeping;
  const bool isHere = membership_.isInside(pid).value_or(member != nullptr);
  const bool isHeld = isHere && isAwake && group_->hasFrozen();
  // Another user of the group may have thawed it.
  bool isSet = false;
  const bool isByUs = isHere && isFrozenByUs() && group_->readSet(isSet) == 0 && isSet;
  // It is recorded by its group, which is thawed or ended as a whole, or by itself.
  const bool isRecorded = !entry_.isEmpty() || (member != nullptr && member->isRecorded());
  return MemberStatus{.pid = pid,
                      .state = isHeld ? ProcessState::Stopped : state,
                      .isRegistered = member != nullptr,
                      .isStoppedByUs = isByUs,
                      .isRecorded = isRecorded};
}

Failures CgroupFreezer::close(MemberList& members) {
  if (std::exchange(isClosed_, true)) return {};
  Failures failures = membership_.leaveAll(members);
  if (failures.empty()) {
    failures = membership_.remove();
  } else {
    // This fails as well, because of what could not be moved out; `failures` says that already.
    group_->remove();
  }
  leaveLedger();
  // The claim is given up even if the group could not be thawed. Another state reads from the group's files whether it
  // is frozen, and the guardian thaws it when we die.
  release();
  return failures;
}

/// What is in the group from here on is not ours, so it must not end with us. A group that could not be thawed is kept:
/// the guardian tries again when we die.
void CgroupFreezer::leaveLedger() noexcept {
  if (isFrozenByUs()) entry_.keepToContinue();
  entry_ = {};
}

}  // namespace freeze_state

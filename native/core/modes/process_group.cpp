#include "process_group.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace freeze_state {

/// Continues a walk through all processes, or begins one. Fails where descriptors or memory have run out: that is not
/// to be taken for a process that does not stop.
Step ProcessGroupFreezer::continueWalk(const Slice& slice, const std::function<void(Pid)>& visit) {
  if (!walk_) walk_ = table_.walk();
  for (Pid pid = 0; walk_->next(pid);) {
    visit(pid);
    if (slice.isOver()) return Step::endedBy(slice);
  }
  const int error = walk_->error();
  walk_.reset();
  if (isOutOfResources(error)) return Step::failed({readFailure(0, error)});
  hasMetAll_ = error == 0 && table_.showsAll();
  return Step::done();
}

void ProcessGroupFreezer::forgetWalks() noexcept {
  walk_.reset();
  leaderless_.clear();
  hasFoundEmpty_ = false;
  isListed_ = false;
  stoppedGroups_.clear();
  pending_.clear();
  pendingCursor_ = {};
}

Failures ProcessGroupFreezer::admit(MemberList& members, Member& member, const Ticket* frozen) {
  if (member.isAdmitted) return {};
  forgetWalks();
  return ProcessFreezer::admit(members, member, frozen);
}

Failures ProcessGroupFreezer::dismiss(MemberList& members, Member& member, const Ticket* frozen) {
  forgetWalks();
  return ProcessFreezer::dismiss(members, member, frozen);
}

Failures ProcessGroupFreezer::close(MemberList& members) {
  forgetWalks();
  return ProcessFreezer::close(members);
}

void ProcessGroupFreezer::begin(MemberList& members) {
  forgetWalks();
  ProcessFreezer::begin(members);
}

Step ProcessGroupFreezer::stop(MemberList& members, const Slice& slice, bool isNoting) {
  if (!hasFoundEmpty_) {
    if (Step step = findEmptyGroups(members, slice); !step.isDone()) return step;
    hasFoundEmpty_ = true;
  }
  return ProcessFreezer::stop(members, slice, isNoting);
}

Failures ProcessGroupFreezer::resume(MemberList& members, ResumeScope scope) {
  forgetWalks();
  return ProcessFreezer::resume(members, scope);
}

void ProcessGroupFreezer::refresh(MemberList& members) noexcept {
  ProcessFreezer::refresh(members);
  forgetWalks();
  static_cast<void>(findEmptyGroups(members, {}));
}

/// Marks the groups that have no process left as gone. Where the table cannot tell, they count as alive.
Step ProcessGroupFreezer::findEmptyGroups(MemberList& members, const Slice& slice) {
  if (!walk_) {
    leaderless_.clear();
    for (const Member& member : members.all()) {
      if (!member.hasExited() && !groups_.hasLeader(member.process)) leaderless_.push_back(member.pid());
    }
  }
  if (leaderless_.empty()) {
    walk_.reset();
    return Step::done();
  }
  if (Step step = continueWalk(slice, [this](Pid pid) { noteLife(pid); }); !step.isDone()) return step;
  for (Member& member : members.all()) {
    const bool isEmpty = std::ranges::find(leaderless_, member.pid()) != leaderless_.end();
    if (hasMetAll_ && isEmpty) member.process.hasExited = true;
  }
  return Step::done();
}

void ProcessGroupFreezer::noteLife(Pid pid) {
  const Pid group = table_.groupOf(pid);
  if (group == 0 || std::ranges::find(leaderless_, group) == leaderless_.end()) return;
  ProcessEntry entry;
  const int error = table_.read(pid, entry);
  if (error != ESRCH && (error != 0 || !entry.hasExited())) std::erase(leaderless_, group);
}

/// Once done, all are in `pending_`, unless the processes of the groups cannot be listed.
Step ProcessGroupFreezer::listProcesses(MemberList& members, const Slice& slice) {
  if (isListed_) return Step::done();
  if (!walk_) pending_.clear();
  Step step = continueWalk(slice, [&](Pid pid) {
    // We were in none of the groups when they were signalled, or their freeze would have failed.
    if (pid == groups_.ownPid()) return;
    const Pid group = table_.groupOf(pid);
    if (group != 0 && members.find(group) != nullptr) pending_.push_back({pid, group});
  });
  isListed_ = step.isDone() && hasMetAll_;
  return step;
}

Step ProcessGroupFreezer::confirm(MemberList& members, const Slice& slice) {
  if (Step step = listProcesses(members, slice); !step.isDone()) return step;
  if (!isListed_) {
    // Of the leaders it can be known, by a probe.
    const Step step = ProcessFreezer::confirm(members, slice);
    return step.isDone() ? Step::blocked() : step;
  }
  Failures failures;
  pendingCursor_.goRound(pending_, slice, [&](GroupProcess& process) -> std::optional<bool> {
    const auto isQuiescent = confirm(process, slice, failures);
    if (!isQuiescent || !*isQuiescent) return isQuiescent;
    process = pending_.back();
    pending_.pop_back();
    return true;
  });
  if (!failures.empty()) return Step::failed(std::move(failures));
  return pending_.empty() ? Step::done() : pendingCursor_.unfinished(pending_.size());
}

/// Whether the process is quiescent, or none of its group any more, by a probe. Nothing where the slice cut that short,
/// or where it cannot be known for lack of descriptors or memory, which is a failure.
std::optional<bool> ProcessGroupFreezer::confirm(GroupProcess& process, const Slice& slice, Failures& failures) {
  const auto state = table_.probe(process.pid, process.stop.scan, slice);
  if (!state) return std::nullopt;
  const bool isQuiescent = judge(process, *state, failures);
  if (!failures.empty()) return std::nullopt;
  const bool isStopped = *state == ProcessState::Stopped || *state == ProcessState::Traced;
  if (isStopped && std::ranges::find(stoppedGroups_, process.group) == stoppedGroups_.end())
    stoppedGroups_.push_back(process.group);
  return isQuiescent;
}

/// The same of one that was found in that state.
bool ProcessGroupFreezer::judge(GroupProcess& process, ProcessState state, Failures& failures) {
  switch (state) {
    case ProcessState::Running:
    case ProcessState::Sleeping:
      // One that is not in the group any more was none of it, or has exited.
      if (table_.groupOf(process.pid) != process.group) return true;
      if (StopProtocol::isResendDue(++process.stop.timesAwake)) stopAgain(process, failures);
      return false;
    case ProcessState::Zombie:
    case ProcessState::Gone: return hasExited(process.pid, failures);
    case ProcessState::Stopped:
    case ProcessState::Traced: return true;
    case ProcessState::Unknown: break;
  }
  ProcessEntry entry;
  if (const int error = table_.read(process.pid, entry); isOutOfResources(error))
    failures.push_back(readFailure(process.pid, error));
  return false;
}

/// Takes hold of whatever has the pid now.
bool ProcessGroupFreezer::hold(Pid pid, Process& process, Failures& failures) {
  Failures refused = groups_.leaders().open(pid, process);
  const bool isHeld = refused.empty();
  std::erase_if(refused, [](const Failure& failure) { return failure.code != FailureCode::ResourceExhausted; });
  append(failures, std::move(refused));
  return isHeld;
}

/// As `StopProtocol::foundAwake` does, and to that process alone: the whole of a large group would take long, and once
/// for each that is awake. Without pidfds there is the gap that `StartTimeControl` has, as for members.
void ProcessGroupFreezer::stopAgain(const GroupProcess& process, Failures& failures) {
  ProcessControl& control = groups_.leaders();
  Process held;
  if (!hold(process.pid, held, failures)) return;
  const int error = verified(control, held, [&] { return table_.groupOf(process.pid) == process.group ? 0 : ESRCH; });
  if (error == 0) control.send(held, Signal::Stop);
  control.release(held);
}

/// It may only seem to have exited, for a moment, when one of its threads calls execve(2) and takes over its number.
bool ProcessGroupFreezer::hasExited(Pid pid, Failures& failures) {
  Process held;
  if (!hold(pid, held, failures)) return false;
  const bool hasExited = groups_.leaders().hasExited(held);
  groups_.leaders().release(held);
  return hasExited;
}

/// By what `confirm` saw: to ask for those that have exited again would be another walk.
std::vector<Covered> ProcessGroupFreezer::visit(MemberList& members) {
  std::vector<Covered> list = ProcessFreezer::visit(members);
  if (!isListed_) {
    // It is not known yet whether any group has stopped as a whole.
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Member& leader = members.all()[i];
      list[i].isPending = !leader.hasExited() && leader.stop.isSent;
    }
    return list;
  }
  for (Covered& leader : list) {
    leader.isPending = false;
    if (pending_.empty() && std::ranges::find(stoppedGroups_, leader.pid) == stoppedGroups_.end())
      leader.outcome = Outcome::Gone;
  }
  for (const GroupProcess& process : pending_) {
    const auto known = std::ranges::find(list, process.pid, &Covered::pid);
    if (known == list.end())
      list.push_back({process.pid, Outcome::Stopped, true});
    else
      known->isPending = true;
  }
  return list;
}

std::optional<MemberStatus> ProcessGroupFreezer::inspect(MemberList& members, Pid pid, std::vector<Pid>& found,
                                                         const Slice& slice) {
  auto status = ProcessFreezer::inspect(members, pid, found, slice);
  if (!status) return std::nullopt;
  const Process& leader = members.find(pid)->process;
  if (!groups_.hasLeader(leader)) status->state = stateWithoutLeader(leader, slice);
  return status;
}

/// Of the processes of a group whose leader has exited the one most awake counts, as of the threads of a process. Where
/// none lives, it is the leader's state. By a walk of its own: a freeze may have one in progress.
ProcessState ProcessGroupFreezer::stateWithoutLeader(const Process& leader, const Slice& slice) {
  std::optional<ProcessState> mostAwake;
  const auto walk = leader.hasExited ? nullptr : table_.walk();
  for (Pid pid = 0; walk && walk->next(pid);) {
    if (slice.isOver()) return ProcessState::Unknown;
    if (table_.groupOf(pid) != leader.pid) continue;
    ThreadScan scan;
    const ProcessState state = table_.probe(pid, scan, slice).value_or(ProcessState::Unknown);
    if (state == ProcessState::Unknown) return state;
    if (state == ProcessState::Zombie || state == ProcessState::Gone) continue;
    mostAwake = std::min(mostAwake.value_or(state), state);
  }
  const bool isWhole = !walk || (walk->error() == 0 && table_.showsAll());
  return isWhole ? mostAwake.value_or(groups_.leaders().probe(leader)) : ProcessState::Unknown;
}

}  // namespace freeze_state

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
  forgetWalks();
  return ProcessFreezer::admit(members, member, frozen);
}

Failures ProcessGroupFreezer::dismiss(MemberList& members, Member& member, const Ticket* frozen) {
  forgetWalks();
  kept_.clear();
  std::erase_if(resent_, [&](const auto& one) { return one.second == member.pid(); });
  return ProcessFreezer::dismiss(members, member, frozen);
}

Failures ProcessGroupFreezer::close(MemberList& members) {
  forgetWalks();
  kept_.clear();
  return ProcessFreezer::close(members);
}

void ProcessGroupFreezer::begin(MemberList& members) {
  forgetWalks();
  ProcessFreezer::begin(members);
}

Step ProcessGroupFreezer::stop(MemberList& members, const Slice& slice, StoppedBefore before) {
  if (!hasFoundEmpty_) {
    if (Step step = findEmptyGroups(members, slice); !step.isDone()) return step;
    hasFoundEmpty_ = true;
  }
  return ProcessFreezer::stop(members, slice, before);
}

Failures ProcessGroupFreezer::resume(MemberList& members, ResumeScope scope) {
  forgetWalks();
  if (scope != ResumeScope::Unrecorded) resent_.clear();
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
  // What was met may have been of a foreign group that was given the number since.
  members.refresh();
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

/// Once done, `pending_` has all processes of the groups, unless they cannot be listed.
Step ProcessGroupFreezer::listProcesses(MemberList& members, const Slice& slice) {
  if (isListed_) return Step::done();
  if (!walk_) pending_.clear();
  const Pid own = groups_.ownPid();
  Step step = continueWalk(slice, [&](Pid pid) {
    // We were in none of the groups when they were signalled, or their freeze would have failed.
    if (pid == own) return;
    const Pid group = table_.groupOf(pid);
    const Member* const member = group == 0 ? nullptr : members.find(group);
    if (member != nullptr && !member->hasExited()) pending_.push_back({pid, group, filesOf(pid)});
  });
  if (!step.isDone()) return step;
  // Only now: a group that has its number at the end of the walk had it throughout, so no foreign one was met with it.
  members.refresh();
  std::erase_if(pending_, [&](const GroupProcess& process) {
    const Member* const member = members.find(process.group);
    return member == nullptr || member->hasExited();
  });
  isListed_ = hasMetAll_;
  keepFiles();
  return step;
}

/// The files that were kept open for this pid, or new ones. If another process has the pid by now, its own are opened
/// when it is probed.
std::shared_ptr<ProcessFiles> ProcessGroupFreezer::filesOf(Pid pid) {
  const auto known = kept_.find(pid);
  return known == kept_.end() ? table_.filesOf(pid) : known->second;
}

/// Keeps the files of the processes in `pending_` open, and closes all others. Call it only once the list is complete:
/// a list that a thaw cut short does not tell which processes have left.
void ProcessGroupFreezer::keepFiles() {
  kept_.clear();
  for (const GroupProcess& process : pending_) {
    if (process.files) kept_.emplace(process.pid, process.files);
  }
}

Step ProcessGroupFreezer::confirm(MemberList& members, const Slice& slice) {
  if (Step step = listProcesses(members, slice); !step.isDone()) return step;
  if (!isListed_) {
    // Only the leaders can be probed, and that is not enough to be done.
    const Step step = ProcessFreezer::confirm(members, slice);
    return step.isDone() ? Step::blocked() : step;
  }
  Step step = pendingCursor_.goRound(pending_, slice, [&](GroupProcess& process) {
    Step probed = confirm(members, process, slice);
    if (!probed.isDone()) return probed;
    process = std::move(pending_.back());
    pending_.pop_back();
    return probed;
  });
  if (step.hasFailed()) return step;
  return pending_.empty() ? Step::done() : pendingCursor_.unfinished(pending_.size());
}

/// Probes the process: done if it is quiescent or not in its group any more; blocked if not. Fails where that cannot be
/// known for lack of descriptors or memory.
Step ProcessGroupFreezer::confirm(MemberList& members, GroupProcess& process, const Slice& slice) {
  const auto state = process.files ? table_.probeBy(*process.files, process.stop.scan, slice)
                                   : table_.probe(process.pid, process.stop.scan, slice);
  if (!state) return Step::more();
  const auto finding = StopProtocol::judge(process.stop, *state);
  switch (finding) {
    case StopProtocol::Finding::Stopped: noteStopped(process); return Step::done();
    case StopProtocol::Finding::Traced: return confirmTracee(members, process, slice);
    case StopProtocol::Finding::Exited: return confirmExit(process.pid);
    case StopProtocol::Finding::Awake:
    case StopProtocol::Finding::ResendDue:
      // One that is not in the group any more was never covered, or has exited.
      if (table_.groupOf(process.pid) != process.group) return Step::done();
      return finding == StopProtocol::Finding::ResendDue ? stopAgain(members, process) : Step::blocked();
    case StopProtocol::Finding::Unknown: break;
  }
  ProcessEntry entry;
  const int error = table_.read(process.pid, entry);
  return isOutOfResources(error) ? Step::failed({readFailure(process.pid, error)}) : Step::blocked();
}

void ProcessGroupFreezer::noteStopped(const GroupProcess& process) {
  if (std::ranges::find(stoppedGroups_, process.group) == stoppedGroups_.end()) stoppedGroups_.push_back(process.group);
}

/// A tracee in a stop of its tracer, with a SIGSTOP pending, counts as stopped in two cases, as in
/// `StopProtocol::confirm`: SIGSTOP was sent again, so the pending one may be left over; or the tracer is stopped with
/// it. No record says whether the tracer was seen stopped, so it is probed now. Only the next probe of the tracee
/// decides, since the tracer may just have let it run.
Step ProcessGroupFreezer::confirmTracee(MemberList& members, GroupProcess& process, const Slice& slice) {
  ProcessControl& control = groups_.processes();
  Pid tracer = 0;
  bool hasExited = false;
  Step read = hold(process.pid, [&](Process& tracee) {
    const auto readTracer = [&] {
      tracer = control.tracerOf(tracee);
      return 0;
    };
    hasExited = verified(control, tracee, readTracer) != 0;
    return Step::blocked();
  });
  if (read.hasFailed()) return read;
  if (hasExited) return confirmExit(process.pid);
  const bool isHeld = tracer != 0 && tracer == process.tracer;
  if (isHeld || resent_.contains(process.pid)) {
    noteStopped(process);
    return Step::done();
  }
  process.tracer = 0;
  if (tracer == 0) return Step::blocked();
  return hold(tracer, [&](Process& held) {
    if (isCoveredAndStopped(members, held, slice)) process.tracer = tracer;
    return Step::blocked();
  });
}

/// Whether the process, which is held, is in a group that is covered, and stopped.
bool ProcessGroupFreezer::isCoveredAndStopped(MemberList& members, Process& held, const Slice& slice) {
  Pid group = 0;
  ProcessState state = ProcessState::Unknown;
  const int error = verified(groups_.processes(), held, [&] {
    group = table_.groupOf(held.pid);
    ThreadScan scan;
    state = table_.probe(held.pid, scan, {slice.ticket}).value_or(ProcessState::Unknown);
    return 0;
  });
  return error == 0 && state == ProcessState::Stopped && isCovered(members, group);
}

/// Takes hold of whatever has the pid now, for as long as it is used. Blocked where that is not possible.
template <typename Use>
Step ProcessGroupFreezer::hold(Pid pid, Use use) {
  HeldProcess held(groups_.processes(), pid);
  if (held.isHeld()) return use(held.process());
  Failures refused = held.refused();
  std::erase_if(refused, [](const Failure& failure) { return failure.code != FailureCode::ResourceExhausted; });
  return refused.empty() ? Step::blocked() : Step::failed(std::move(refused));
}

/// Signals that process alone. To signal a large group as a whole takes long, and it would be done once for each
/// process that is awake. Without pidfds there is the gap that `StartTimeControl` has, as for members. Done where the
/// group is gone: then a foreign one has its number, and the process is of that one.
Step ProcessGroupFreezer::stopAgain(MemberList& members, const GroupProcess& process) {
  return hold(process.pid, [&](Process& held) {
    const int left =
        verified(groups_.processes(), held, [&] { return table_.groupOf(process.pid) == process.group ? 0 : ESRCH; });
    if (left != 0) return Step::blocked();
    // Asked last, so that the group which was read is known to be the member's.
    const Member* const leader = members.find(process.group);
    const int error = leader == nullptr ? ESRCH : groups_.check(leader->process);
    if (error == ESRCH) return Step::done();
    if (isOutOfResources(error)) return Step::failed({readFailure(process.group, error)});
    Member member{.process = held, .stop = process.stop};
    if (error != 0 || !oneByOne_.stopAgain(member)) return Step::blocked();
    resent_.insert_or_assign(process.pid, process.group);
    // It may have left the group just before the signal, and then no thaw of the group would reach it.
    const Pid now = table_.groupOf(process.pid);
    if (now == 0 || isCovered(members, now)) return Step::blocked();
    groups_.processes().send(held, Signal::Continue);
    return Step::done();
  });
}

/// Whether the number is that of a member's group.
bool ProcessGroupFreezer::isCovered(MemberList& members, Pid group) const noexcept {
  const Member* const member = members.find(group);
  return member != nullptr && groups_.check(member->process) == 0;
}

/// It may only seem to have exited, for a moment, when one of its threads calls execve(2) and takes over its number.
Step ProcessGroupFreezer::confirmExit(Pid pid) {
  return hold(pid,
              [&](Process& held) { return groups_.processes().checkExited(held) ? Step::done() : Step::blocked(); });
}

/// Tells what `confirm` saw. To find those that have exited since would take another walk.
std::vector<Covered> ProcessGroupFreezer::visit(MemberList& members) {
  std::vector<Covered> list;
  if (!isListed_) {
    // It is not known yet whether any group has stopped as a whole.
    addTo(list, members, [](const Member& leader) { return leader.stop.isSent; });
    return list;
  }
  // A leader is pending only as a process of its group, which `pending_` then has.
  addTo(list, members, [](const Member& /*leader*/) { return false; });
  for (Covered& leader : list) {
    if (pending_.empty() && std::ranges::find(stoppedGroups_, leader.pid) == stoppedGroups_.end())
      leader.outcome = Outcome::Gone;
  }
  for (const GroupProcess& process : pending_) {
    const auto known = std::ranges::find(list, process.pid, &Covered::pid);
    if (known == list.end())
      list.push_back({.pid = process.pid, .outcome = Outcome::StoppedByUs, .isPending = true});
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

/// The state of a group whose leader has exited: that of its most awake process, as of the threads of a process. Where
/// none lives, it is the leader's state. Makes a walk of its own, since a freeze may have one in progress.
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
  // Then what was met was, or may have been, of a foreign group that has the number now.
  const int error = groups_.check(leader);
  if (error == ESRCH) return groups_.processes().probe(leader);
  const bool isWhole = error == 0 && (!walk || (walk->error() == 0 && table_.showsAll()));
  return isWhole ? mostAwake.value_or(groups_.processes().probe(leader)) : ProcessState::Unknown;
}

}  // namespace freeze_state

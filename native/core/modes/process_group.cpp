#include "process_group.h"

#include <algorithm>
#include <cerrno>
#include <span>
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
  hasBegun_ = false;
  isListed_ = false;
  probe_.forgetSeen();
  listed_.clear();
  pending_.clear();
  pendingCursor_ = {};
}

Failures ProcessGroupFreezer::admit(MemberList& members, Member& member, const Ticket* frozen) {
  forgetWalks();
  reach_ = SignalLoop::kMany;
  return ProcessFreezer::admit(members, member, frozen);
}

Failures ProcessGroupFreezer::dismiss(MemberList& members, Member& member, const Ticket* frozen) {
  forgetWalks();
  kept_.clear();
  reach_ = SignalLoop::kMany;
  probe_.forgetResent(member.pid());
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
  if (scope != ResumeScope::Unrecorded) probe_.forgetResent();
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
    members.visitProcesses([this](std::span<Process* const> some) { groups_.findLeaderless(some, leaderless_); });
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

/// Once done, `pending_` has the processes of the groups that were not seen stopped before the walk began.
Step ProcessGroupFreezer::listProcesses(MemberList& members, const Slice& slice) {
  if (!walk_) listed_.clear();
  const Pid own = groups_.ownPid();
  Step step = continueWalk(slice, [&](Pid pid) {
    // We were in none of the groups when they were signalled, or their freeze would have failed.
    if (pid == own) return;
    const Pid group = table_.groupOf(pid);
    const Member* const member = group == 0 ? nullptr : members.find(group);
    if (member != nullptr && !member->hasExited()) listed_.push_back({pid, group, filesOf(pid)});
  });
  if (!step.isDone()) return step;
  // Only now: a group that has its number at the end of the walk had it throughout, so no foreign one was met with it.
  members.refresh();
  std::erase_if(listed_, [&](const GroupProcess& process) {
    const Member* const member = members.find(process.group);
    return member == nullptr || member->hasExited();
  });
  isListed_ = hasMetAll_;
  takeListed(members);
  return step;
}

/// The files that were kept open for this pid, or new ones. If another process has the pid by now, its own are opened
/// when it is probed.
std::shared_ptr<ProcessFiles> ProcessGroupFreezer::filesOf(Pid pid) {
  const auto known = kept_.find(pid);
  return known == kept_.end() ? table_.filesOf(pid) : known->second.files;
}

/// Keeps the processes of the list, and closes the files of all others. Call it only once the list is complete: one
/// that a thaw cut short does not tell which processes have left.
void ProcessGroupFreezer::takeListed(const MemberList& members) {
  kept_.clear();
  pending_.clear();
  pendingCursor_ = {};
  if (!isListed_) return;
  const std::size_t groups = std::max<std::size_t>(members.size(), 1);
  reach_ = std::max<std::size_t>((listed_.size() + groups - 1) / groups, 1);
  for (GroupProcess& process : listed_) {
    if (!probe_.hasSettled(process.pid)) pending_.push_back(process);
    kept_.emplace(process.pid, std::move(process));
  }
  listed_.clear();
}

Step ProcessGroupFreezer::confirm(MemberList& members, const Slice& slice) {
  // Most often the groups are as they were. Then the first walk is the only one.
  if (!std::exchange(hasBegun_, true)) {
    for (const auto& [pid, process] : kept_) {
      if (table_.groupOf(pid) == process.group) pending_.push_back(process);
    }
  }
  for (;;) {
    if (Step step = probePending(members, slice); !step.isDone()) return step;
    if (Step step = listProcesses(members, slice); !step.isDone()) return step;
    if (!isListed_) {
      // Only the leaders can be probed, and that is not enough to be done.
      const Step step = ProcessFreezer::confirm(members, slice);
      return step.isDone() ? Step::blocked() : step;
    }
    if (pending_.empty()) return Step::done();
    if (slice.isOver()) return Step::more();
  }
}

Step ProcessGroupFreezer::probePending(MemberList& members, const Slice& slice) {
  Step step = pendingCursor_.goRound(pending_, slice, [&](GroupProcess& process) {
    Step probed = probe_.confirm(members, process, slice);
    if (!probed.isDone()) return probed;
    process = std::move(pending_.back());
    pending_.pop_back();
    return probed;
  });
  if (step.hasFailed()) return step;
  return pending_.empty() ? Step::done() : pendingCursor_.unfinished(pending_.size());
}

/// Tells what `confirm` saw. To find those that have exited since would take another walk.
std::vector<Covered> ProcessGroupFreezer::visit(MemberList& members) {
  std::vector<Covered> list;
  if (!isListed_ && pending_.empty()) {
    // It is not known yet whether any group has stopped as a whole.
    addTo(list, members, [](const Member& leader) { return leader.stop.isSent; });
    return list;
  }
  // A leader is pending only as a process of its group, which `pending_` then has.
  addTo(list, members, [](const Member& /*leader*/) { return false; });
  for (Covered& leader : list) {
    if (pending_.empty() && !probe_.hasSeenStopped(leader.pid)) leader.outcome = Outcome::Gone;
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

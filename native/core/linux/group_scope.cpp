#include "group_scope.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>

namespace freeze_state {

namespace {

bool isOver(const Ticket& ticket, Deadline until) noexcept {
  return !ticket.isCurrent() || std::chrono::steady_clock::now() >= until;
}

/// Whether it has stopped, or has left the group, by exiting, say.
bool isSettled(Pid pid, Pid group) noexcept {
  const ProcessState state = proc::look(pid);
  if (state != ProcessState::Running && state != ProcessState::Sleeping) return state != ProcessState::Unknown;
  return getpgid(pid) != group;
}

}  // namespace

Failures GroupScope::add(Pid pid, const Ticket* frozen) {
  listAgain();
  return ProcessScope::add(pid, frozen);
}

Failures GroupScope::stop(const Ticket& ticket, bool isNoting) {
  listAgain();
  return ProcessScope::stop(ticket, isNoting);
}

Failures GroupScope::resume(Whom whom) {
  listAgain();
  return ProcessScope::resume(whom);
}

void GroupScope::listAgain() noexcept {
  walk_.reset();
  mates_.clear();
  stoppedGroups_.clear();
  isListed_ = false;
}

/// False while there is more to be walked through.
bool GroupScope::findMates(const Ticket& frozen, Deadline until) {
  if (isListed_) return true;
  if (!walk_) walk_.emplace("/proc");
  while (!isOver(frozen, until)) {
    Pid pid = 0;
    const bool isAtEnd = !walk_->next(pid);
    if (isAtEnd && walk_->error() != 0) {
      // Cut short, for want of a descriptor, say: it is begun again next time.
      listAgain();
      return false;
    }
    if (isAtEnd) {
      walk_.reset();
      // Where /proc hides some, nobody can say that all have stopped.
      if (!proc::showsAll()) return false;
      isListed_ = true;
      return true;
    }
    // A tenth of what the same costs from /proc.
    const Pid group = getpgid(pid);
    if (group > 0 && members_.find(group) != nullptr) mates_.push_back({pid, group});
  }
  return false;
}

std::vector<Pid> GroupScope::unstopped(const Ticket& frozen, Deadline until) {
  if (!findMates(frozen, until)) {
    // Not known of all yet. Of the leaders it is, at a look.
    std::vector<Pid> leaders;
    members_.unstopped(frozen, until, cursor_, leaders);
    return leaders.empty() ? pids() : leaders;
  }
  for (std::size_t looks = mates_.size(); looks > 0 && !isOver(frozen, until); --looks) {
    // From the back to the front of the list, so that each has its turn.
    const Mate mate = mates_.back();
    mates_.pop_back();
    if (!isSettled(mate.pid, mate.group)) {
      mates_.insert(mates_.begin(), mate);
    } else if (std::ranges::find(stoppedGroups_, mate.group) == stoppedGroups_.end() &&
               proc::look(mate.pid) == ProcessState::Stopped) {
      stoppedGroups_.push_back(mate.group);
    }
  }
  std::vector<Pid> pids;
  std::ranges::transform(mates_, std::back_inserter(pids), &Mate::pid);
  return pids;
}

/// By what `unstopped` saw: to ask for the dead again would be another walk.
std::vector<MemberOutcome> GroupScope::outcomes() {
  std::vector<MemberOutcome> list;
  members_.outcomes(list);
  for (MemberOutcome& one : list) {
    if (isListed_ && std::ranges::find(stoppedGroups_, one.pid) == stoppedGroups_.end()) one.outcome = Outcome::Gone;
  }
  return list;
}

}  // namespace freeze_state

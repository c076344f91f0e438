#include "group_scope.h"

#include <algorithm>
#include <cerrno>
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
  proc::Stat stat{};
  const int error = proc::stat(pid, stat);
  return error == ESRCH || (error == 0 && stat.group != group);
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

void GroupScope::listAgain() noexcept {
  walk_.reset();
  mates_.clear();
  isListed_ = false;
}

/// False while there is more to be walked through.
bool GroupScope::findMates(const Ticket& frozen, Deadline until) {
  if (isListed_) return true;
  if (!walk_) walk_.emplace("/proc");
  while (!isOver(frozen, until)) {
    Pid pid = 0;
    const bool isAtEnd = !walk_->next(pid);
    proc::Stat stat{};
    const int error = isAtEnd ? walk_->error() : proc::stat(pid, stat);
    if (error != 0 && error != ESRCH) {
      // Cut short, for want of a descriptor, say: it is begun again next time.
      listAgain();
      return false;
    }
    if (isAtEnd) {
      walk_.reset();
      isListed_ = true;
      return true;
    }
    if (error == 0 && members_.find(stat.group) != nullptr) mates_.push_back({pid, stat.group});
  }
  return false;
}

std::vector<Pid> GroupScope::unstopped(const Ticket& frozen, Deadline until) {
  if (!findMates(frozen, until)) return pids();
  for (std::size_t looks = mates_.size(); looks > 0 && !isOver(frozen, until); --looks) {
    // From the back to the front of the list, so that each has its turn.
    const Mate mate = mates_.back();
    mates_.pop_back();
    if (!isSettled(mate.pid, mate.group)) mates_.insert(mates_.begin(), mate);
  }
  std::vector<Pid> pids;
  std::ranges::transform(mates_, std::back_inserter(pids), &Mate::pid);
  return pids;
}

}  // namespace freeze_state

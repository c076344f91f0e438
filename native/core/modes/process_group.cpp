#include "process_group.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "../os/linux/pidfd.h"

namespace freeze_state {

namespace {

/// Goes on with a walk through all processes, or begins one. Nothing where it was cut short; else whether it has met
/// everybody: /proc may hide some.
template <typename Visit>
std::optional<bool> walkOn(std::optional<proc::Numbers>& walk, const Ticket* ticket, Deadline until, Visit visit) {
  if (!walk) walk.emplace("/proc");
  for (Pid pid = 0; walk->next(pid);) {
    visit(pid);
    if ((ticket != nullptr && !ticket->isCurrent()) || hasPassed(until)) return std::nullopt;
  }
  const bool isComplete = walk->error() == 0 && proc::showsAll();
  walk.reset();
  return isComplete;
}

/// Whether the process has ended. It may only seem to have, for a moment, when one of its threads calls execve(2) and
/// takes over its number. Where there are no pidfds nobody knows better.
bool hasEnded(Pid pid) noexcept {
  const int fd = pidfd::open(pid);
  if (fd < 0) return errno == ESRCH || errno == ENOSYS || errno == EPERM;
  pollfd exit{fd, POLLIN, 0};
  const bool hasExited = poll(&exit, 1, 0) > 0;
  close(fd);
  return hasExited;
}

/// Sends SIGSTOP again, as `MemberList::foundAwake` does. To that one alone: the whole of a large group would take
/// long, and once for each that is awake. Not where there are no pidfds: its number could be another's by now.
void stopAgain(Pid pid, Pid group) noexcept {
  const int fd = pidfd::open(pid);
  if (fd < 0) return;
  if (getpgid(pid) == group) pidfd::sendSignal(fd, SIGSTOP);
  close(fd);
}

}  // namespace

/// Whether nothing more is to be expected of one that was found in that state.
bool ProcessGroupFreezer::isSettled(Mate& mate, ProcessState state) noexcept {
  switch (state) {
    case ProcessState::Running:
    case ProcessState::Sleeping:
      // One that is not in the group any more was none of it, or has exited.
      if (getpgid(mate.pid) != mate.group) return true;
      if (isTimeToRepeat(++mate.looksAwake)) stopAgain(mate.pid, mate.group);
      return false;
    case ProcessState::Zombie:
    case ProcessState::Gone: return hasEnded(mate.pid);
    case ProcessState::Stopped:
    case ProcessState::Traced: return true;
    case ProcessState::Unknown: break;
  }
  return false;
}

Failures ProcessGroupFreezer::add(Pid pid, const Ticket* frozen) {
  listAgain();
  // Whether it is a member still, where there is one by that number.
  if (members_.find(pid) != nullptr) findGone();
  return ProcessFreezer::add(pid, frozen);
}

UnregisterResult ProcessGroupFreezer::remove(Pid pid) {
  listAgain();
  return ProcessFreezer::remove(pid);
}

Failures ProcessGroupFreezer::clear() {
  listAgain();
  return ProcessFreezer::clear();
}

void ProcessGroupFreezer::beginStop() {
  listAgain();
  ProcessFreezer::beginStop();
}

StopResult ProcessGroupFreezer::stop(const Ticket& ticket, bool isNoting, Deadline until) {
  hasFoundEmpty_ = hasFoundEmpty_ || findEmpty(&ticket, until);
  if (!hasFoundEmpty_) return {!ticket.isCurrent(), {}};
  return ProcessFreezer::stop(ticket, isNoting, until);
}

Failures ProcessGroupFreezer::resume(Whom whom) {
  listAgain();
  return ProcessFreezer::resume(whom);
}

void ProcessGroupFreezer::findGone() noexcept {
  ProcessFreezer::findGone();
  listAgain();
  findEmpty(nullptr, kWholly);
}

void ProcessGroupFreezer::listAgain() noexcept {
  walk_.reset();
  mates_.clear();
  stoppedGroups_.clear();
  isListed_ = false;
  livingGroups_.clear();
  hasFoundEmpty_ = false;
}

/// Marks the groups as gone that have nobody left. False while there is more to be walked through. Where /proc cannot
/// tell, they count as alive.
bool ProcessGroupFreezer::findEmpty(const Ticket* ticket, Deadline until) {
  const auto isInDoubt = [](const Member& member) { return member.isLeaderless && !member.gone; };
  if (std::ranges::none_of(members_.all(), isInDoubt)) return true;
  const auto isComplete = walkOn(walk_, ticket, until, [this](Pid pid) { noteLife(pid); });
  if (!isComplete) return false;
  for (Member& member : members_.all()) {
    const bool lives = std::ranges::find(livingGroups_, member.process.pid) != livingGroups_.end();
    if (*isComplete && isInDoubt(member)) member.gone = !lives;
  }
  return true;
}

void ProcessGroupFreezer::noteLife(Pid pid) {
  // A tenth of what the same costs from /proc.
  const Pid group = getpgid(pid);
  const Member* const member = group > 0 ? members_.find(group) : nullptr;
  if (member == nullptr || !member->isLeaderless || std::ranges::find(livingGroups_, group) != livingGroups_.end())
    return;
  proc::Stat stat{};
  const int error = proc::stat(pid, stat);
  const bool hasEnded = error == ESRCH || (error == 0 && (stat.state == 'Z' || stat.state == 'X') && stat.threads <= 1);
  if (!hasEnded) livingGroups_.push_back(group);
}

/// False while there is more to be walked through, and where nobody can say who is in the groups.
bool ProcessGroupFreezer::findMates(const Ticket& frozen, Deadline until) {
  if (isListed_) return true;
  if (!walk_) mates_.clear();
  const auto isComplete = walkOn(walk_, &frozen, until, [this](Pid pid) {
    const Pid group = getpgid(pid);
    if (group > 0 && members_.find(group) != nullptr) mates_.push_back({pid, group});
  });
  isListed_ = isComplete.value_or(false);
  return isListed_;
}

std::vector<Pid> ProcessGroupFreezer::unstopped(const Ticket& frozen, Deadline until) {
  if (!findMates(frozen, until)) {
    // Not known of all yet. Of the leaders it is, at a look.
    std::vector<Pid> leaders;
    members_.unstopped(frozen, until, cursor_, leaders);
    return leaders.empty() ? pids() : leaders;
  }
  for (std::size_t looks = mates_.size(); looks > 0 && frozen.isCurrent() && !hasPassed(until); --looks) {
    Mate mate = mates_.back();
    const auto state = proc::look(mate.pid, mate.threadsStopped, until);
    mates_.back() = mate;
    if (!state) break;
    // From the back to the front of the list, so that each has its turn.
    mates_.pop_back();
    if (!isSettled(mate, *state)) {
      mates_.insert(mates_.begin(), mate);
    } else if ((*state == ProcessState::Stopped || *state == ProcessState::Traced) &&
               std::ranges::find(stoppedGroups_, mate.group) == stoppedGroups_.end()) {
      stoppedGroups_.push_back(mate.group);
    }
  }
  std::vector<Pid> pids;
  std::ranges::transform(mates_, std::back_inserter(pids), &Mate::pid);
  return pids;
}

/// By what `unstopped` saw: to ask for the dead again would be another walk.
std::vector<MemberOutcome> ProcessGroupFreezer::outcomes() {
  std::vector<MemberOutcome> list;
  members_.outcomes(list);
  for (MemberOutcome& one : list) {
    if (isListed_ && std::ranges::find(stoppedGroups_, one.pid) == stoppedGroups_.end()) one.outcome = Outcome::Gone;
  }
  return list;
}

}  // namespace freeze_state

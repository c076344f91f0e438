#include "cgroup_scope.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "proc.h"

namespace freeze_state {

ScopeResult CgroupScope::make(const CgroupPlace& place, Signaller& signaller) {
  ScopeResult result;
  auto group = CgroupFreezer::make(place, result.failures);
  if (group) result.scope.reset(new CgroupScope(std::move(group), signaller));
  return result;
}

CgroupScope::~CgroupScope() { clear(); }

std::vector<Pid> CgroupScope::inhabitants() const {
  std::vector<Pid> pids;
  cgroup::processes(group_->path(), pids);
  return pids;
}

/// Whether the process is in it now, or below it.
bool CgroupScope::isInside(Pid pid) const {
  const auto directory = cgroup::directoryOf(pid, group_->mount());
  return directory && cgroup::isWithin(*directory, group_->path());
}

/// Where a newcomer is to go back to: where it is; or, born in what we made, where those came from that it descends
/// from.
std::string CgroupScope::originOf(Pid pid) const {
  std::string directory = cgroup::directoryOf(pid, group_->mount()).value_or("");
  if (!group_->isMade() || !cgroup::isWithin(directory, group_->path())) return directory;
  proc::Stat stat{};
  for (Pid ancestor = pid; proc::stat(ancestor, stat) == 0 && stat.parent > 0; ancestor = stat.parent) {
    for (const Registered& one : members_) {
      if (one.member.process.pid == stat.parent) return one.origin;
    }
  }
  return {};
}

/// The process, and those in the cgroup that descend from it, and not from another member in between.
std::vector<Pid> CgroupScope::familyOf(Pid pid) const {
  std::unordered_map<Pid, Pid> parents;
  for (const Pid inhabitant : inhabitants()) {
    proc::Stat stat{};
    if (proc::stat(inhabitant, stat) == 0) parents[inhabitant] = stat.parent;
  }
  for (const Registered& one : members_) {
    if (one.member.process.pid != pid) parents.erase(one.member.process.pid);
  }
  std::vector<Pid> family{pid};
  for (const auto& [inhabitant, _] : parents) {
    Pid ancestor = inhabitant;
    // What is read one after the other may make a circle.
    std::size_t steps = 0;
    for (auto at = parents.find(ancestor); ancestor != pid && at != parents.end() && steps < parents.size(); ++steps) {
      ancestor = at->second;
      at = parents.find(ancestor);
    }
    if (ancestor == pid && inhabitant != pid) family.push_back(inhabitant);
  }
  return family;
}

/// Moves the process to where it came from; where that is gone, to next to us.
Failures CgroupScope::moveOut(Pid pid, const std::string& origin) {
  const std::string number = std::to_string(pid);
  int error = origin.empty() ? ENOENT : cgroup::write(origin, "cgroup.procs", number);
  if (error == ENOENT || error == ENODEV) error = cgroup::write(group_->parent(), "cgroup.procs", number);
  if (error == 0 || error == ESRCH) return {};
  Failure failure = cgroup::failureOf(error, "write", origin);
  failure.pid = pid;
  return {failure};
}

CgroupScope::Registered* CgroupScope::find(Pid pid) noexcept {
  const auto found =
      std::ranges::find_if(members_, [pid](const Registered& one) { return one.member.process.pid == pid; });
  return found == members_.end() ? nullptr : &*found;
}

std::vector<Pid> CgroupScope::pids() const {
  std::vector<Pid> pids;
  pids.reserve(members_.size());
  for (const Registered& one : members_) pids.push_back(one.member.process.pid);
  return pids;
}

Failures CgroupScope::add(Pid pid, const Ticket* /*frozen*/) {
  if (Registered* known = find(pid); known != nullptr) {
    signaller_.findGone({&known->member, 1});
    // Back in, where somebody moved it out.
    if (!known->member.gone) return isInside(pid) ? Failures() : moveIn(known->member, known->origin);
    signaller_.release(known->member.process);
    members_.erase(members_.begin() + (known - members_.data()));
  }
  Registered newcomer;
  newcomer.member.process.pid = pid;
  if (Failures failures = signaller_.open(pid, newcomer.member); !failures.empty()) return failures;
  newcomer.origin = originOf(pid);
  // Only now: if it lives, what was read was about it.
  signaller_.findGone({&newcomer.member, 1});
  if (!newcomer.member.gone) {
    if (Failures failures = moveIn(newcomer.member, newcomer.origin); !failures.empty()) {
      signaller_.release(newcomer.member.process);
      return failures;
    }
  }
  members_.push_back(std::move(newcomer));
  return {};
}

Failures CgroupScope::moveIn(Member& member, const std::string& origin) {
  const Pid pid = member.process.pid;
  // In one that is frozen by others it would be frozen with nobody having asked for that; out of one, it would be
  // thawed.
  const std::string watched = isFrozenByUs_ ? group_->parent() : group_->path();
  for (const std::string& directory : {watched, cgroup::isWithin(origin, group_->path()) ? watched : origin}) {
    if (const std::string frozen = cgroup::frozenAtOrAbove(directory, group_->mount()); !frozen.empty())
      return {{FailureCode::CgroupFrozen, pid, 0, "", false, frozen}};
  }
  const int error = cgroup::write(group_->path(), "cgroup.procs", std::to_string(pid));
  member.gone = error == ESRCH;
  if (error != 0 && error != ESRCH) {
    Failure failure = cgroup::failureOf(error, "write", group_->path());
    failure.pid = pid;
    return {failure};
  }
  signaller_.findGone({&member, 1});
  // It exited at that moment. Should the number be somebody else's already, that one was moved: not for long.
  if (member.gone && isInside(pid)) moveOut(pid, origin);
  return {};
}

UnregisterResult CgroupScope::remove(Pid pid) {
  Registered* const one = find(pid);
  if (one == nullptr) return {};
  signaller_.findGone({&one->member, 1});
  const bool isAtHome = one->origin == group_->path() && !group_->isMade();
  if (!one->member.gone && !isAtHome && isInside(pid)) {
    for (const Pid relative : familyOf(pid)) {
      if (Failures failures = moveOut(relative, one->origin); !failures.empty()) return {true, std::move(failures)};
    }
  }
  signaller_.release(one->member.process);
  members_.erase(members_.begin() + (one - members_.data()));
  return {true, {}};
}

/// The first live member that is not in it any more.
Failures CgroupScope::findLeft(const std::vector<Pid>& inside) const {
  for (const Registered& one : members_) {
    const Pid pid = one.member.process.pid;
    // It may have moved into one below since the list was made.
    if (!one.member.gone && std::ranges::find(inside, pid) == inside.end() && !isInside(pid)) {
      Member again = one.member;
      signaller_.findGone({&again, 1});
      if (!again.gone) return {{FailureCode::CgroupLeft, pid, 0, "", false, group_->path()}};
    }
  }
  return {};
}

/// One system call stops all, so there is nothing to go on with.
StopResult CgroupScope::stop(const Ticket& ticket, bool isNoting, Deadline /*until*/) {
  return {true, freeze(ticket, isNoting)};
}

Failures CgroupScope::freeze(const Ticket& ticket, bool isNoting) {
  for (Registered& one : members_) {
    if (!isNoting || one.member.gone) continue;
    if (!ticket.isCurrent()) return {};
    one.member.wasStopped = signaller_.look(one.member.process) == ProcessState::Stopped;
  }
  std::vector<Pid> inside;
  cgroup::directProcesses(group_->path(), inside);
  if (std::ranges::find(inside, ownPid()) != inside.end())
    return {{FailureCode::CgroupOurs, ownPid(), 0, "", false, group_->path()}};
  if (Failures failures = findLeft(inside); !failures.empty()) return failures;
  bool isSet = false;
  if (const int error = group_->readSet(isSet); error != 0) return {cgroup::failureOf(error, "read", group_->path())};
  if (!isFrozenByUs_ && (isSet || group_->hasFrozen())) {
    const std::string frozen = cgroup::frozenAtOrAbove(group_->path(), group_->mount());
    if (!frozen.empty()) return {{FailureCode::CgroupFrozen, 0, 0, "", false, frozen}};
  }
  if (!ticket.isCurrent()) return {};
  if (const int error = group_->set(true); error != 0) return {cgroup::failureOf(error, "write", group_->path())};
  isFrozenByUs_ = true;
  return {};
}

Failures CgroupScope::resume(Whom whom) {
  if (isCleared_ || (whom == Whom::Stopped && !isFrozenByUs_)) return {};
  const int error = group_->set(false);
  // Removed by somebody else: then nothing is in it.
  if (error != 0 && error != ENODEV) {
    Failure failure = cgroup::failureOf(error, "write", group_->path());
    failure.isStopped = isFrozenByUs_;
    return {failure};
  }
  isFrozenByUs_ = false;
  if (whom == Whom::All) {
    // What others stopped by a signal is to run as well.
    for (const Pid pid : inhabitants()) {
      Member inhabitant;
      if (!signaller_.open(pid, inhabitant).empty()) continue;
      // Only then: it was in here while it was held.
      if (!inhabitant.gone && isInside(pid)) signaller_.send(inhabitant.process, Signal::Continue);
      signaller_.release(inhabitant.process);
    }
  }
  // After the thaw, so that nobody waits for it.
  const std::string frozen = cgroup::frozenAtOrAbove(group_->path(), group_->mount());
  if (frozen.empty()) return {};
  return {{FailureCode::CgroupFrozen, 0, 0, "", false, frozen}};
}

bool CgroupScope::isAnyAlive() const noexcept {
  return std::ranges::any_of(members_, [](const Registered& one) { return !one.member.gone; }) ||
         (!members_.empty() && group_->isMade() && group_->isPopulated());
}

Failures CgroupScope::deaths() const {
  Failures failures;
  for (const Registered& one : members_)
    failures.push_back({FailureCode::ProcessNotFound, one.member.process.pid, ESRCH, signaller_.sendCall()});
  return failures;
}

void CgroupScope::findGone() noexcept {
  for (Registered& one : members_) signaller_.findGone({&one.member, 1});
}

void CgroupScope::dropGone() noexcept {
  // Where only their children live, members stay that have ended: the children are frozen in their name.
  const bool isNeeded =
      isAnyAlive() && std::ranges::all_of(members_, [](const Registered& one) { return one.member.gone; });
  if (isNeeded) return;
  std::erase_if(members_, [this](Registered& one) {
    if (one.member.gone) signaller_.release(one.member.process);
    return one.member.gone;
  });
}

/// Moves back what came with members; out of one that we made, everything.
Failures CgroupScope::moveAllOut() {
  Failures failures;
  findGone();
  for (const Registered& one : members_) {
    const Pid pid = one.member.process.pid;
    // Only what is here: somebody may have moved it, or its number may be somebody else's.
    if (one.member.gone || (one.origin == group_->path() && !group_->isMade()) || !isInside(pid)) continue;
    for (const Pid relative : familyOf(pid)) append(failures, moveOut(relative, one.origin));
  }
  if (!group_->isMade()) return failures;
  // Orphans, and what was born meanwhile.
  const std::string origin = members_.empty() ? "" : members_.front().origin;
  constexpr int kRounds = 1000;
  for (int round = 0; round < kRounds && failures.empty(); ++round) {
    const std::vector<Pid> left = inhabitants();
    if (left.empty()) break;
    for (const Pid pid : left) append(failures, moveOut(pid, origin));
  }
  return failures;
}

Failures CgroupScope::clear() {
  if (std::exchange(isCleared_, true)) return {};
  Failures failures = moveAllOut();
  for (Registered& one : members_) signaller_.release(one.member.process);
  members_.clear();
  if (const int error = group_->remove(); error != 0)
    failures.push_back(cgroup::failureOf(error, "rmdir", group_->path()));
  return failures;
}

/// By reading: the kernel limits its notices to about 100 a second.
std::vector<Pid> CgroupScope::unstopped(const Ticket& /*frozen*/, Deadline /*until*/) {
  if (group_->hasFrozen()) return {};
  std::vector<Pid> pids;
  for (const Registered& one : members_) {
    if (!one.member.gone) pids.push_back(one.member.process.pid);
  }
  return pids;
}

std::vector<MemberOutcome> CgroupScope::outcomes() {
  findGone();
  std::vector<MemberOutcome> list;
  for (const Registered& one : members_) {
    const Outcome alive = one.member.wasStopped ? Outcome::AlreadyStopped : Outcome::Stopped;
    list.push_back({one.member.process.pid, one.member.gone ? Outcome::Gone : alive});
  }
  for (const Pid pid : inhabitants()) {
    if (find(pid) == nullptr) list.push_back({pid, Outcome::Stopped});
  }
  return list;
}

std::vector<Pid> CgroupScope::everyone() {
  std::vector<Pid> everyone = pids();
  for (const Pid pid : inhabitants()) {
    if (find(pid) == nullptr) everyone.push_back(pid);
  }
  return everyone;
}

std::optional<MemberStatus> CgroupScope::inspect(Pid pid, std::vector<Pid>& /*found*/) {
  const Registered* const one = find(pid);
  const bool isHere = isInside(pid);
  const ProcessState state = one == nullptr ? lookAt(signaller_, pid) : signaller_.look(one->member.process);
  const bool isAwake = state == ProcessState::Running || state == ProcessState::Sleeping;
  const bool isHeld = isHere && isAwake && group_->hasFrozen();
  return MemberStatus{pid, isHeld ? ProcessState::Stopped : state, one != nullptr, isHere && isFrozenByUs_};
}

}  // namespace freeze_state

#include "admission.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <mutex>
#include <ranges>
#include <unordered_set>
#include <utility>

#include "../../os/guardian.h"

namespace freeze_state {

/// `CgroupHeld` where another state has the process in its group.
Failures Admission::whyHeld(Pid pid, const std::string& here) const {
  const std::string holder = Origins::all().holderOf(membership_.id(), pid, here);
  return holder.empty() ? Failures() : Failures{cgroup::refusal(FailureCode::CgroupHeld, holder, pid)};
}

/// Where the process, which is in `here` now, goes when it leaves. A process that was forked inside an owned group goes
/// to the origin of its nearest ancestor that has one. Empty where it is unknown.
std::string Admission::originOf(Pid pid, const std::string& here) const {
  if (auto shared = Origins::all().ofSharers(membership_.id(), group_.path(), pid); shared) return *shared;
  if (!group_.isOwned() || !cgroup::isWithin(here, group_.path())) return here;
  for (const Pid ancestor : ancestorsOf(table_, pid)) {
    if (auto origin = Origins::all().of(membership_.id(), ancestor); origin) return *origin;
  }
  return {};
}

Failures Admission::run(Process& process) {
  Failures failures = take(process);
  if (failures.empty()) failures = takeDescendants(process.pid);
  if (!failures.empty()) append(failures, giveBack());
  return failures;
}

Failures Admission::giveBack() const {
  Failures failures;
  for (const Taken& one : std::views::reverse(taken_)) {
    if (one.wasMoved) append(failures, moves_.out(one.pid, Origins::all().of(membership_.id(), one.pid).value_or("")));
    if (one.isNoted) membership_.forget(one.pid);
  }
  return failures;
}

/// Moves in the process alone.
Failures Admission::take(Process& process) {
  const Pid pid = process.pid;
  const std::lock_guard moving(Origins::all().moving());
  std::string here;
  std::string origin;
  Failures held;
  const int error = verified(control_, process, [&] {
    if (const int unknown = membership_.locate(pid, group_.mount().point, here); unknown != 0) return unknown;
    held = whyHeld(pid, here);
    origin = originOf(pid, here);
    return 0;
  });
  if (error == ESRCH) return {};
  if (error != 0) return {membership_.placeFailure(error, pid)};
  // The mount does not show where it is, so it could not be moved back.
  if (here.empty()) return {cgroup::refusal(FailureCode::CgroupUnseen, group_.mount().point, pid)};
  if (!held.empty()) return held;
  const bool isInside = membership_.isThere() && cgroup::isWithin(here, group_.path());
  // A process that was forked inside leaves with the member that it descends from, so nothing is noted of it, unless it
  // is the member itself: the first that is taken.
  const bool isNoted = (taken_.empty() || !isInside) && !Origins::all().of(membership_.id(), pid);
  if (isNoted) Origins::all().note(membership_.id(), pid, origin);
  taken_.push_back({.pid = pid, .isNoted = isNoted, .wasMoved = false});
  if (isInside) return {};
  Failures failures = moveIn(process, here);
  taken_.back().wasMoved = failures.empty() && !process.hasExited;
  return failures;
}

/// Moves in one that was listed as a child, if it still is that.
Failures Admission::takeChild(Pid child, Pid parent) {
  HeldProcess held(control_, child);
  if (!held.isHeld()) return held.refused();
  Process& process = held.process();
  ProcessEntry entry;
  const int error = verified(control_, process, [&] { return table_.read(child, entry); });
  Failures failures;
  if (error == 0 && entry.parent == parent) failures = take(process);
  // A process that lives and is hidden is a failure.
  if (error != 0 && !process.hasExited) failures = {readFailure(child, error)};
  // Not a failure: the other state freezes that process, and moves it back.
  const bool isOfAnother = !failures.empty() && failures.front().code == FailureCode::CgroupHeld;
  return isOfAnother ? Failures() : failures;
}

/// Takes the descendants that were forked before their parent was inside; children of a process inside are inside as
/// well. What is read while they fork and exit may have gaps, so passes are repeated until one finds none outside.
Failures Admission::takeDescendants(Pid root) {
  const auto reader = table_.children();
  constexpr int kPasses = 100;
  for (int pass = 0; pass < kPasses; ++pass) {
    const std::size_t before = taken_.size();
    // With no slice, nothing cuts them short.
    if (const int error = reader->beginPass({}).value_or(0); error != 0) return {readFailure(root, error)};
    std::vector<Pid> subtree{root};
    std::unordered_set<Pid> seen{root, control_.ownPid(), guardian::pid()};
    for (std::size_t i = 0; i < subtree.size(); ++i) {
      const Pid parent = subtree[i];
      std::vector<Pid> children;
      const int error = reader->read(parent, children, {}).value_or(0);
      if (error != 0 && (error != ESRCH || probe(control_, parent) != ProcessState::Gone))
        return {readFailure(parent, error)};
      for (const Pid child : children) {
        if (!seen.insert(child).second) continue;
        subtree.push_back(child);
        if (Failures failures = takeChild(child, parent); !failures.empty()) return failures;
      }
    }
    const auto isMoved = [](const Taken& one) { return one.wasMoved; };
    if (std::none_of(taken_.begin() + static_cast<std::ptrdiff_t>(before), taken_.end(), isMoved)) return {};
  }
  return {membership_.failureOf(EAGAIN, "fork", root)};
}

/// Why no process may come in from `here` now.
Failures Admission::whyFrozen(Pid pid, const std::string& here) const {
  // A foreign process may have removed the group, and made another of that name.
  bool isSet = false;
  if (const int error = group_.readSet(isSet); error != 0) return {membership_.failureOf(error, "read")};
  // A newcomer to a group that a foreign process froze would be frozen without our asking, and a process that leaves
  // such a group would be thawed. Both are refused. cgroup.freeze says whether this group was frozen; cgroup.events
  // also shows a freeze above it, but only once all in this group have stopped.
  std::vector<std::string> directories;
  if (isSet || group_.hasFrozen()) directories.push_back(isFrozenByUs_ ? group_.parent() : group_.path());
  if (!cgroup::isWithin(here, group_.path())) directories.push_back(here);
  for (const std::string& directory : directories) {
    if (Failures failures = cgroup::whyFrozen(directory, group_.mount(), pid); !failures.empty()) return failures;
  }
  return {};
}

Failures Admission::expect(Pid pid) const {
  const Pid own = control_.ownPid();
  const std::lock_guard moving(Origins::all().moving());
  // A child is born in our cgroup, so that is where it came from. It may be in the group already.
  std::string here;
  if (const int error = membership_.locate(own, group_.mount().point, here); error != 0)
    return {membership_.placeFailure(error, own)};
  if (here.empty()) return {cgroup::refusal(FailureCode::CgroupUnseen, group_.mount().point, pid)};
  Failures failures = whyHeld(pid, here);
  // Where we are is not frozen, since we run.
  if (failures.empty()) failures = whyFrozen(pid, group_.path());
  if (failures.empty()) Origins::all().note(membership_.id(), pid, here);
  return failures;
}

/// Moves in a process that was just found outside, in `here`.
Failures Admission::moveIn(Process& process, const std::string& here) const {
  const Pid pid = process.pid;
  if (Failures failures = whyFrozen(pid, here); !failures.empty()) return failures;
  const int error = moves_.in(pid);
  if (error == ESRCH) process.hasExited = true;
  if (error == ENOENT || error == ENODEV) return {membership_.failureOf(error, "write")};
  if (error != 0 && error != ESRCH) return {cgroup::moveFailure(error, group_.path(), pid)};
  // It is exiting: the kernel does not move it any more, and no freeze needs to reach it.
  if (error == 0 && table_.isExiting(pid)) process.hasExited = true;
  // It exited at that moment. If its pid was given to another process by then, we have moved that one: it goes back.
  if (control_.checkExited(process) && membership_.isInside(pid).value_or(false))
    moves_.out(pid, Origins::all().of(membership_.id(), pid).value_or(""));
  return {};
}

}  // namespace freeze_state

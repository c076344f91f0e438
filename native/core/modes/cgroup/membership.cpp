#include "membership.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

namespace freeze_state {

/// Where the process is; empty where it has ended, and where it is neither there nor below `top` as far as is to be
/// seen. Returns 0, or the errno(3) for which it cannot be told.
int Membership::findDirectory(Pid pid, const std::string& top, std::string& directory) const {
  int error = find_(pid, group_.mount(), directory);
  // Where /proc does not tell, the process may still be inside: the groups list their threads.
  if (error == ESRCH || (error == 0 && directory.empty())) error = cgroup::searchDirectory(pid, top, directory);
  return error;
}

int Membership::findInside(Pid pid, bool& isInside) const {
  std::string directory;
  const int error = findDirectory(pid, group_.path(), directory);
  isInside = cgroup::isWithin(directory, group_.path());
  return error;
}

bool Membership::isInside(Pid pid, bool otherwise) const {
  bool isInside = false;
  return findInside(pid, isInside) == 0 ? isInside : otherwise;
}

bool Membership::isThere() const noexcept {
  bool isSet = false;
  return group_.readSet(isSet) == 0;
}

Failure Membership::placeFailure(int error, Pid pid) const {
  Failure failure = failureOf(error, "open");
  failure.pid = pid;
  return failure;
}

void Membership::forget(Pid pid) { Origins::all().forget(id(), pid); }

/// Another state that has the process in its group.
Failures Membership::whyHeld(Pid pid, const std::string& here) const {
  std::string holder = Origins::all().holderOf(id(), pid, here);
  return holder.empty() ? Failures() : Failures{{FailureCode::CgroupHeld, pid, 0, "", false, std::move(holder)}};
}

/// Where the process, which is here now, belongs when it leaves. Out of an owned group in which it was born it goes
/// with the nearest that it descends from. Empty where nobody knows.
std::string Membership::originOf(Pid pid, const std::string& here) const {
  if (auto shared = Origins::all().ofSharers(id(), group_.path(), pid); shared) return *shared;
  if (!group_.isOwned() || !cgroup::isWithin(here, group_.path())) return here;
  ProcessEntry entry{.parent = pid};
  // What is read one after the other may make a circle.
  constexpr int kLongestLine = 1000;
  for (int steps = 0; steps < kLongestLine && table_.read(entry.parent, entry) == 0 && entry.parent > 0; ++steps) {
    if (auto origin = Origins::all().of(id(), entry.parent); origin) return *origin;
  }
  return {};
}

Failures Membership::enter(const MemberList& members, Process& process, bool isFrozenByUs) {
  const Pid pid = process.pid;
  // Not by the lists of the groups, of which there may be thousands.
  if (process.hasExited) return {};
  // Those that were dropped since. Not when they were: no freeze and no thaw takes the lock of the origins.
  if (Origins::all().countOf(id()) >= members.size()) Origins::all().keepOnly(id(), members.pids());
  std::string here;
  std::string origin;
  Failures held;
  const int error = verified(control_, process, [&] {
    if (const int unknown = findDirectory(pid, group_.mount().point, here); unknown != 0) return unknown;
    held = whyHeld(pid, here);
    origin = originOf(pid, here);
    return 0;
  });
  if (error == ESRCH) return {};
  if (error != 0) return {placeFailure(error, pid)};
  // We could not move it back.
  if (here.empty()) return {{FailureCode::CgroupUnseen, pid, 0, "", false, group_.mount().point}};
  if (!held.empty()) return held;
  const bool isNew = !Origins::all().of(id(), pid);
  if (isNew) Origins::all().note(id(), pid, origin);
  if (isThere() && cgroup::isWithin(here, group_.path())) return {};
  Failures failures = moveIn(process, isFrozenByUs);
  if (!failures.empty() && isNew) forget(pid);
  return failures;
}

Failures Membership::moveIn(Process& process, bool isFrozenByUs) {
  const Pid pid = process.pid;
  // Somebody may have removed the group, and made another of that name.
  bool isSet = false;
  if (const int error = group_.readSet(isSet); error != 0) return {failureOf(error, "read")};
  // In one that is frozen by others it would be frozen with nobody having asked for that; out of one, it would be
  // thawed.
  const std::string watched = isFrozenByUs ? group_.parent() : group_.path();
  std::string here;
  if (const int error = findDirectory(pid, group_.mount().point, here); error != 0) return {placeFailure(error, pid)};
  for (const std::string& directory : {watched, cgroup::isWithin(here, group_.path()) ? watched : here}) {
    std::string frozen;
    if (const int error = cgroup::findFrozen(directory, group_.mount(), frozen); error != 0)
      return {placeFailure(error, pid)};
    if (!frozen.empty()) return {{FailureCode::CgroupFrozen, pid, 0, "", false, frozen}};
  }
  const int error = moves_.in(pid);
  if (error == ESRCH) process.hasExited = true;
  if (error == ENOENT || error == ENODEV) return {failureOf(error, "write")};
  if (error != 0 && error != ESRCH) return {cgroup::moveFailure(error, group_.path(), pid)};
  // It is on its way out: wherever it is now it stays until then, and no freeze needs to reach it.
  if (error == 0 && isExiting_(pid)) process.hasExited = true;
  // It exited at that moment. Should the number be another process's already, that one was moved: not for long.
  if (control_.hasExited(process) && isInside(pid, false)) moves_.out(pid, Origins::all().of(id(), pid).value_or(""));
  return {};
}

/// Those that other states have taken which were given the same group.
std::unordered_set<Pid> Membership::takenBySharers() const {
  const std::vector<Pid> pids = Origins::all().takenBySharers(id(), group_.path());
  return {pids.begin(), pids.end()};
}

Failures Membership::leave(const MemberList& members, const Member& member) {
  const Pid pid = member.pid();
  const auto origin = Origins::all().of(id(), pid);
  // First: of two that share the group, the last one moves it.
  forget(pid);
  if (member.hasExited() || !isThere()) return {};
  // Only what is here: somebody may have moved it, or its number may be another process's.
  bool isHere = false;
  const int error = findInside(pid, isHere);
  Failures failures;
  if (error != 0) failures.push_back(placeFailure(error, pid));
  std::unordered_set<Pid> apart = takenBySharers();
  if (isHere && error == 0 && !apart.contains(pid)) {
    for (const Member& other : members.all()) {
      if (other.pid() != pid) apart.insert(other.pid());
    }
    failures = moves_.familiesOut({{pid, origin.value_or("")}}, apart, false);
  }
  if (!failures.empty() && origin) Origins::all().note(id(), pid, *origin);
  return failures;
}

/// The same for all, by one walk.
Failures Membership::leaveWithFamilies(const MemberList& members, const OriginMap& origins) const {
  Failures failures;
  std::unordered_set<Pid> apart = takenBySharers();
  std::vector<Moves::Leaver> leavers;
  for (const Member& member : members.all()) {
    const Pid pid = member.pid();
    if (member.hasExited() || apart.contains(pid)) continue;
    bool isHere = false;
    if (const int error = findInside(pid, isHere); error != 0) {
      failures.push_back(placeFailure(error, pid));
      apart.insert(pid);
    }
    const auto origin = origins.find(pid);
    if (isHere) leavers.push_back({pid, origin == origins.end() ? "" : origin->second});
  }
  append(failures, moves_.familiesOut(leavers, apart, true));
  return failures;
}

Failures Membership::leaveAll(MemberList& members) {
  // First: of two that share the group, the last one moves whom both have.
  const OriginMap origins = Origins::all().leave(id());
  if (!isThere()) return {};
  // Where there are no descriptors, the moves have these.
  group_.closeFiles();
  members.refresh();
  for (Member& member : members.all()) {
    if (member.hasExited()) control_.release(member.process);
  }
  Failures failures = leaveWithFamilies(members, origins);
  if (!group_.isOwned() || !failures.empty()) return failures;
  const auto first = members.isEmpty() ? origins.end() : origins.find(members.all().front().pid());
  return leaveRest(first == origins.end() ? std::string() : first->second);
}

/// Orphans, and what was born meanwhile. Who is exiting the kernel does not move: it is waited for.
Failures Membership::leaveRest(const std::string& origin) const {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::seconds kPatience{5};
  constexpr int kRounds = 1000;
  const auto end = Clock::now() + kPatience;
  Failures failures;
  for (int round = 0; round < kRounds && failures.empty();) {
    std::vector<Pid> left;
    if (const int error = moves_.inhabitants(left); error != 0) return {failureOf(error, "open")};
    if (left.empty()) break;
    const Pid first = left.front();
    std::erase_if(left, isExiting_);
    for (const Pid pid : left) append(failures, moves_.out(pid, origin));
    if (!left.empty()) {
      ++round;
      continue;
    }
    if (Clock::now() > end) return {{FailureCode::CgroupFailed, first, EBUSY, "rmdir", false, group_.path()}};
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return failures;
}

Failures Membership::findMovedOut(const MemberList& members, const std::vector<Pid>& inside) const {
  for (const Member& member : members.all()) {
    const Pid pid = member.pid();
    // It may be in one below, and its first thread may have ended.
    if (member.hasExited() || std::ranges::binary_search(inside, pid)) continue;
    bool isHere = false;
    Process again = member.process;
    const int error = verified(control_, again, [&] { return findInside(pid, isHere); });
    if (isHere || error == ESRCH || isExiting_(pid)) continue;
    if (error != 0) return {placeFailure(error, pid)};
    return {{FailureCode::CgroupLeft, pid, 0, "", false, group_.path()}};
  }
  return {};
}

std::vector<Pid> Membership::others(const MemberList& members) const {
  const std::vector<Pid> pids = members.pids();
  const std::unordered_set<Pid> isMember(pids.begin(), pids.end());
  std::vector<Pid> others;
  moves_.inhabitants(others);
  std::erase_if(others, [&](Pid pid) { return isMember.contains(pid); });
  return others;
}

}  // namespace freeze_state

#include "membership.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "../../deadline.h"
#include "admission.h"

namespace freeze_state {

namespace {

std::optional<std::string> find(const OriginMap& origins, Pid pid) {
  const auto found = origins.find(pid);
  return found == origins.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

Moves::Move Membership::moveBy(const FreezableCgroup& group) {
  return [&group](const std::string& directory, Pid pid) {
    return directory == group.path() ? group.join(pid) : cgroup::join(directory, pid);
  };
}

int Membership::findInside(Pid pid, bool& isInside) const {
  std::string directory;
  const int error = locate(pid, group_.path(), directory);
  isInside = cgroup::isWithin(directory, group_.path());
  return error;
}

std::optional<bool> Membership::isInside(Pid pid) const {
  bool isInside = false;
  return findInside(pid, isInside) == 0 ? std::optional(isInside) : std::nullopt;
}

bool Membership::isThere() const noexcept {
  bool isSet = false;
  return group_.readSet(isSet) == 0;
}

void Membership::forget(Pid pid) {
  endJoin(pid);
  Origins::all().forget(id(), pid);
}

/// Forgets members that were dropped, and what was taken with a member and is not inside any more. A freeze or a thaw,
/// which drop members, cannot do it: neither takes the lock of the origins.
void Membership::forgetGone(const MemberList& members) {
  std::vector<Pid> kept = members.pids();
  std::erase_if(joining_, [&](Pid pid) { return std::ranges::find(kept, pid) == kept.end(); });
  if (moves_.inhabitants(kept) == 0) Origins::all().keepOnly(id(), kept);
}

/// Runs `forgetGone` once enough were taken to be worth the time. Without it the notes would grow with every process
/// that ever came.
void Membership::forgetGoneOfMany(const MemberList& members) {
  if (Origins::all().countOf(id()) < manyTaken_) return;
  forgetGone(members);
  manyTaken_ = 2 * Origins::all().countOf(id()) + 16;
}

/// The processes that were taken by other states that share the group.
std::unordered_set<Pid> Membership::takenBySharers() const {
  const std::vector<Pid> pids = Origins::all().takenBySharers(id(), group_.path());
  return {pids.begin(), pids.end()};
}

Failures Membership::enter(const MemberList& members, Process& process, bool isFrozenByUs) {
  // A process that has exited, reaped or not, would be searched for in the lists of all groups, of which there may be
  // thousands.
  if (control_.checkExited(process)) return {};
  if (isAncestor(table_, process.pid, control_.ownPid()))
    return {{.code = FailureCode::OwnAncestor, .pid = process.pid}};
  forgetGoneOfMany(members);
  return Admission(*this, isFrozenByUs).run(process);
}

Failures Membership::expect(const MemberList& members, const Process& process, bool isFrozenByUs) {
  if (process.hasExited) return {};
  forgetGoneOfMany(members);
  Failures failures = Admission(*this, isFrozenByUs).expect(process.pid);
  if (failures.empty()) joining_.insert(process.pid);
  return failures;
}

bool Membership::checkJoin(Member& member) {
  if (!isJoining(member.pid())) return false;
  if (!control_.checkExited(member.process) && !isInside(member.pid()).value_or(false)) return true;
  endJoin(member.pid());
  return false;
}

void Membership::checkJoins(MemberList& members) {
  for (Member& member : members.all()) checkJoin(member);
}

/// Waits for joins before members leave: a process that joins after it has left as a member would stay inside. A join
/// takes some ten milliseconds, and longer on a loaded machine. It gives up after a while, since the join may have
/// failed, or a foreign process may have stopped the child.
void Membership::awaitJoins(std::span<Member> members) {
  constexpr std::chrono::milliseconds kPatience{200};
  const auto end = Clock::now() + kPatience;
  for (Member& member : members) {
    while (checkJoin(member) && isThere() && Clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Failures Membership::leave(MemberList& members, Member& member) {
  const Pid pid = member.pid();
  awaitJoins({&member, 1});
  const auto origin = Origins::all().of(id(), pid);
  // Forgotten first: of two states that share the group, the last one moves the process.
  Origins::all().forget(id(), pid);
  if (member.hasExited() || !isThere()) return {};
  // Moves only what is here: a foreign process may have moved the member, or its pid may be another process's.
  bool isHere = false;
  const int error = findInside(pid, isHere);
  Failures failures;
  if (error != 0) failures.push_back(placeFailure(error, pid));
  std::unordered_set<Pid> apart = takenBySharers();
  if (isHere && error == 0 && !apart.contains(pid)) {
    for (const Member& other : members.all()) {
      if (other.pid() != pid) apart.insert(other.pid());
    }
    const auto originOf = [&](Pid descendant) { return Origins::all().of(id(), descendant); };
    failures = moves_.subtreesOut({{pid, origin.value_or("")}}, originOf, apart, Moves::Incomplete::BackIn);
    if (failures.empty()) forgetGone(members);
  }
  if (!failures.empty() && origin) Origins::all().note(id(), pid, *origin);
  return failures;
}

/// Moves out all members with their subtrees, by one walk.
Failures Membership::leaveWithSubtrees(const MemberList& members, const OriginMap& origins) const {
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
    if (isHere) leavers.push_back({pid, find(origins, pid).value_or("")});
  }
  const auto originOf = [&](Pid pid) { return find(origins, pid); };
  append(failures, moves_.subtreesOut(leavers, originOf, apart, Moves::Incomplete::StayOut));
  return failures;
}

Failures Membership::leaveAll(MemberList& members) {
  awaitJoins(members.all());
  // Leaves `Origins` first: of two states that share the group, the last one moves the processes that both have.
  const OriginMap origins = Origins::all().leave(id());
  if (!isThere()) return {};
  // Where descriptors have run out, the moves use those that this closes.
  group_.closeFiles();
  members.refresh();
  for (Member& member : members.all()) {
    if (member.hasExited()) control_.release(member.process);
  }
  Failures failures = leaveWithSubtrees(members, origins);
  if (!group_.isOwned() || !failures.empty()) return failures;
  const Pid first = members.isEmpty() ? 0 : members.all().front().pid();
  return leaveRest(origins, find(origins, first).value_or(""));
}

/// Moves out what is left: orphans, and processes that were forked meanwhile. The kernel does not move a process that
/// is exiting, so its end is awaited.
Failures Membership::leaveRest(const OriginMap& origins, const std::string& otherwise) const {
  constexpr std::chrono::seconds kPatience{5};
  constexpr int kRounds = 1000;
  const auto end = Clock::now() + kPatience;
  Failures failures;
  for (int round = 0; round < kRounds && failures.empty();) {
    std::vector<Pid> left;
    if (const int error = moves_.inhabitants(left); error != 0) return {failureOf(error, "open")};
    if (left.empty()) break;
    const Pid first = left.front();
    std::erase_if(left, [this](Pid pid) { return table_.isExiting(pid); });
    for (const Pid pid : left) append(failures, moves_.out(pid, find(origins, pid).value_or(otherwise)));
    if (!left.empty()) {
      ++round;
      continue;
    }
    if (Clock::now() > end) return {failureOf(EBUSY, "rmdir", first)};
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return failures;
}

Failures Membership::remove() const {
  constexpr int kTries = 100;
  int error = 0;
  for (int tries = 0; tries < kTries; ++tries) {
    error = group_.remove();
    if (error != EBUSY) break;
    std::vector<Pid> left;
    if (moves_.inhabitants(left) != 0) break;
    // `FreezableCgroup::remove` has waited for those.
    std::erase_if(left, [this](Pid pid) { return table_.isExiting(pid); });
    for (const Pid pid : left) {
      if (Failures failures = moves_.out(pid, ""); !failures.empty()) return failures;
    }
  }
  if (error == 0) return {};
  return {cgroup::failureOf(error, isOutOfResources(error) ? "open" : "rmdir", group_.path())};
}

Failures Membership::findMovedOut(const MemberList& members, const std::vector<Pid>& inside) const {
  for (const Member& member : members.all()) {
    const Pid pid = member.pid();
    // One that is not listed may be in a group below, or have lost its first thread.
    if (member.hasExited() || isJoining(pid) || std::ranges::binary_search(inside, pid)) continue;
    bool isHere = false;
    Process again = member.process;
    const int error = verified(control_, again, [&] { return findInside(pid, isHere); });
    if (isHere || error == ESRCH || table_.isExiting(pid)) continue;
    if (error != 0) return {placeFailure(error, pid)};
    return {cgroup::refusal(FailureCode::CgroupLeft, group_.path(), pid)};
  }
  return {};
}

std::vector<Pid> Membership::nonMembers(const MemberList& members, std::span<const Pid> known) const {
  const std::vector<Pid> pids = members.pids();
  const std::unordered_set<Pid> isMember(pids.begin(), pids.end());
  std::vector<Pid> inside;
  group_.processes(inside, known);
  std::erase_if(inside, [&](Pid pid) { return isMember.contains(pid); });
  return inside;
}

}  // namespace freeze_state

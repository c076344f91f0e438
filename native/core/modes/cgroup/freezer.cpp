#include "freezer.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <unordered_set>
#include <utility>

#include "../../os/linux/procfs.h"

namespace freeze_state {

FreezerResult CgroupFreezer::make(const CgroupPlace& place, const LoopOptions& options, ProcessControl& control) {
  FreezerResult result;
  auto group = FreezeFile::make(place, result.failures);
  if (group) result.freezer.reset(new CgroupFreezer(std::move(group), options, control));
  return result;
}

CgroupFreezer::~CgroupFreezer() { clear(); }

CgroupFreezer::Registered* CgroupFreezer::find(Pid pid) noexcept {
  const auto found =
      std::ranges::find_if(members_, [pid](const Registered& one) { return one.member.process.pid == pid; });
  return found == members_.end() ? nullptr : &*found;
}

std::vector<Pid> CgroupFreezer::pids() const {
  std::vector<Pid> pids;
  pids.reserve(members_.size());
  for (const Registered& one : members_) pids.push_back(one.member.process.pid);
  return pids;
}

/// Where the process is; empty where that is not to be seen, and where it has ended. Returns 0, or the errno(3) for
/// which it cannot be told.
int CgroupFreezer::findDirectory(Pid pid, std::string& directory) const {
  const int error = cgroup::findDirectory(pid, group_->mount(), directory);
  return error == ESRCH ? 0 : error;
}

/// Whether it is in the group, or below. Returns the same.
int CgroupFreezer::findInside(Pid pid, bool& isInside) const {
  std::string directory;
  const int error = findDirectory(pid, directory);
  isInside = cgroup::isWithin(directory, group_->path());
  return error;
}

/// `otherwise` where it cannot be told.
bool CgroupFreezer::isInside(Pid pid, bool otherwise) const {
  bool isInside = false;
  return findInside(pid, isInside) == 0 ? isInside : otherwise;
}

/// Why it could not be told where the process is.
Failure CgroupFreezer::lookFailure(int error, Pid pid) const {
  Failure failure = failureOf(error, "open");
  failure.pid = pid;
  return failure;
}

Failures CgroupFreezer::add(Pid pid, const Ticket* /*frozen*/) {
  // Not when they were dropped: no freeze and no thaw takes that lock.
  if (std::exchange(hasDropped_, false)) Origins::all().keepOnly(id_, pids());
  if (Registered* known = find(pid); known != nullptr) {
    control_.findGone({&known->member, 1});
    if (!known->member.gone) return moveBackIn(*known);
    control_.release(known->member.process);
    members_.erase(members_.begin() + (known - members_.data()));
    Origins::all().forget(id_, pid);
  }
  Registered newcomer;
  newcomer.member.process.pid = pid;
  if (Failures failures = control_.open(pid, newcomer.member); !failures.empty()) return failures;
  std::string here;
  if (const int error = findDirectory(pid, here); error != 0) {
    control_.release(newcomer.member.process);
    return {lookFailure(error, pid)};
  }
  newcomer.homes = Origins::all().of(id_, pid, here);
  // Only now: if it lives, what was read was about it.
  control_.findGone({&newcomer.member, 1});
  if (!newcomer.member.gone) {
    if (Failures failures = moveIn(newcomer.member, newcomer.homes); !failures.empty()) {
      control_.release(newcomer.member.process);
      return failures;
    }
  }
  Origins::all().note(id_, pid, newcomer.homes);
  members_.push_back(std::move(newcomer));
  return {};
}

/// Where somebody moved it out.
Failures CgroupFreezer::moveBackIn(Registered& one) {
  const Pid pid = one.member.process.pid;
  bool isHere = false;
  if (const int error = findInside(pid, isHere); error != 0) return {lookFailure(error, pid)};
  return isThere() && isHere ? Failures() : moveIn(one.member, one.homes);
}

Failures CgroupFreezer::moveIn(Member& member, const Homes& homes) {
  const Pid pid = member.process.pid;
  // Somebody may have removed the group, and made another of that name.
  bool isSet = false;
  if (const int error = group_->readSet(isSet); error != 0) return {failureOf(error, "read")};
  // In one that is frozen by others it would be frozen with nobody having asked for that; out of one, it would be
  // thawed.
  const std::string watched = isFrozenByUs() ? group_->parent() : group_->path();
  std::string here;
  if (const int error = findDirectory(pid, here); error != 0) return {lookFailure(error, pid)};
  for (const std::string& directory : {watched, cgroup::isWithin(here, group_->path()) ? watched : here}) {
    std::string frozen;
    if (const int error = cgroup::findFrozen(directory, group_->mount(), frozen); error != 0)
      return {lookFailure(error, pid)};
    if (!frozen.empty()) return {{FailureCode::CgroupFrozen, pid, 0, "", false, frozen}};
  }
  const int error = moves_.in(pid);
  member.gone = error == ESRCH;
  if (error == ENOENT || error == ENODEV) return {failureOf(error, "write")};
  if (error != 0 && error != ESRCH) return {cgroup::moveFailure(error, group_->path(), pid)};
  control_.findGone({&member, 1});
  // It exited at that moment. Should the number be somebody else's already, that one was moved: not for long.
  if (member.gone && isInside(pid, false)) moves_.out(pid, homes);
  return {};
}

/// Those that other states have registered which were given the same group.
std::unordered_set<Pid> CgroupFreezer::ofOthers() const {
  if (group_->isMade()) return {};
  const std::vector<Pid> pids = Origins::all().ofOthersAt(id_, group_->path());
  return {pids.begin(), pids.end()};
}

/// The member, and those in the group that descend from it, and not from another member in between, be it another
/// state's.
Failures CgroupFreezer::moveProcessTableOut(const Registered& one) const {
  const Pid pid = one.member.process.pid;
  // Only what is here: somebody may have moved it, or its number may be somebody else's.
  bool isHere = false;
  if (const int error = findInside(pid, isHere); error != 0) return {lookFailure(error, pid)};
  if (!isHere) return {};
  std::unordered_set<Pid> apart = ofOthers();
  if (apart.contains(pid)) return {};
  for (const Registered& other : members_) {
    if (other.member.process.pid != pid) apart.insert(other.member.process.pid);
  }
  return moves_.familiesOut({{pid, &one.homes}}, apart, false);
}

/// The same for all, by one walk.
Failures CgroupFreezer::moveFamiliesOut() const {
  Failures failures;
  std::unordered_set<Pid> apart = ofOthers();
  std::vector<Membership::Leaver> leavers;
  for (const Registered& one : members_) {
    const Pid pid = one.member.process.pid;
    if (one.member.gone || apart.contains(pid)) continue;
    bool isHere = false;
    if (const int error = findInside(pid, isHere); error != 0) {
      failures.push_back(lookFailure(error, pid));
      apart.insert(pid);
    }
    if (isHere) leavers.push_back({pid, &one.homes});
  }
  append(failures, moves_.familiesOut(leavers, apart, true));
  return failures;
}

UnregisterResult CgroupFreezer::remove(Pid pid) {
  Registered* const one = find(pid);
  if (one == nullptr) return {};
  control_.findGone({&one->member, 1});
  // First: from here on no other state sends it back to us.
  Origins::all().forget(id_, pid);
  if (!one->member.gone && isThere()) {
    if (Failures failures = moveProcessTableOut(*one); !failures.empty()) {
      Origins::all().note(id_, pid, one->homes);
      return {true, std::move(failures)};
    }
  }
  control_.release(one->member.process);
  members_.erase(members_.begin() + (one - members_.data()));
  return {true, {}};
}

/// The first live member that is not in it any more; `inside` are the threads in it, sorted.
Failures CgroupFreezer::findLeft(const std::vector<Pid>& inside) const {
  for (const Registered& one : members_) {
    const Pid pid = one.member.process.pid;
    // It may be in one below, and its first thread may have ended.
    if (one.member.gone || std::ranges::binary_search(inside, pid)) continue;
    bool isHere = false;
    if (const int error = findInside(pid, isHere); error != 0) return {lookFailure(error, pid)};
    if (isHere) continue;
    Member again = one.member;
    control_.findGone({&again, 1});
    if (!again.gone) return {{FailureCode::CgroupLeft, pid, 0, "", false, group_->path()}};
  }
  return {};
}

void CgroupFreezer::beginStop() {
  findGone();
  noted_ = 0;
  hasNoted_ = false;
}

/// One system call stops all. What comes before it can be parted.
StopResult CgroupFreezer::stop(const Ticket& ticket, bool isNoting, Deadline until) {
  while (isNoting && noted_ < members_.size() && ticket.isCurrent()) {
    Member& member = members_[noted_++].member;
    if (!member.gone) member.wasStopped = control_.isStopped(member.process);
    if (hasPassed(until)) return {false, {}};
  }
  if (isNoting && !std::exchange(hasNoted_, true) && until != kWholly) return {false, {}};
  return {true, freeze(ticket)};
}

/// Why it cannot be frozen, or would not reach a member.
Failures CgroupFreezer::whyNotNow() const {
  // First: where the group was removed, what is found by its path is nothing, or another's.
  bool isSet = false;
  if (const int error = group_->readSet(isSet); error != 0) return {failureOf(error, "read")};
  std::vector<Pid> inside;
  if (const int error = cgroup::threads(group_->path(), inside); error != 0) return {failureOf(error, "read")};
  std::ranges::sort(inside);
  // Below it, too: we would never thaw it.
  bool isOurs = false;
  if (const int error = findInside(ownPid(), isOurs); error != 0) return {lookFailure(error, ownPid())};
  if (isOurs) return {{FailureCode::CgroupOurs, ownPid(), 0, "", false, group_->path()}};
  if (Failures failures = findLeft(inside); !failures.empty()) return failures;
  if (isFrozenByUs() || (!isSet && !group_->hasFrozen())) return {};
  return whyFrozen();
}

/// Who is it that froze the group, or one above it.
Failures CgroupFreezer::whyFrozen() const {
  std::string frozen;
  if (const int error = cgroup::findFrozen(group_->path(), group_->mount(), frozen); error != 0)
    return {failureOf(error, "open")};
  return frozen.empty() ? Failures() : Failures{{FailureCode::CgroupFrozen, 0, 0, "", false, frozen}};
}

/// Each process in it is woken, to freeze or to run, and none of them is to take our processor meanwhile.
int CgroupFreezer::set(bool isFrozen) const noexcept {
  const SignalLoop loop(options_, 2);
  return group_->set(isFrozen);
}

/// The checks and the write are one step, and of two states of this process that were given the same group only one
/// gets through: the other finds that its freezer has changed since it looked.
Failures CgroupFreezer::freeze(const Ticket& ticket) {
  std::uint64_t freezer = place_.freezer->load();
  if (Failures failures = whyNotNow(); !failures.empty()) return failures;
  if (!ticket.isCurrent()) return {};
  // Another one that has claimed it may not have written yet.
  if ((freezer != 0 && freezer != id_) || !place_.freezer->compare_exchange_strong(freezer, id_))
    return {{FailureCode::CgroupFrozen, 0, 0, "", false, group_->path()}};
  if (const int error = set(true); error != 0) {
    letGo();
    return {failureOf(error, "write")};
  }
  hasFrozen_ = true;
  return {};
}

/// From here on another state may freeze the group.
void CgroupFreezer::letGo() noexcept {
  std::uint64_t freezer = id_;
  place_.freezer->compare_exchange_strong(freezer, 0);
  hasFrozen_ = false;
}

/// Whether the group is the one that it was: somebody may have removed it, and made another of that name.
bool CgroupFreezer::isThere() const noexcept {
  bool isSet = false;
  return group_->readSet(isSet) == 0;
}

Failures CgroupFreezer::resume(Whom whom) {
  if (isCleared_ || (whom == Whom::Stopped && !isFrozenByUs())) return {};
  const bool hadFrozen = group_->hasFrozen();
  const int error = set(false);
  // Removed by somebody else: then nothing is in it.
  if (error != 0 && error != ENODEV) {
    Failure failure = failureOf(error, "write");
    failure.isStopped = isFrozenByUs();
    return {failure};
  }
  if (whom == Whom::All) place_.freezer->store(0);
  letGo();
  if (error != 0) return {};
  if (whom == Whom::All) continueAll();
  return whyHeld(hadFrozen);
}

/// Why it is not thawed although we have thawed it: it is in a cgroup that is frozen. Asked after the thaw, so that
/// nobody waits for it.
Failures CgroupFreezer::whyHeld(bool hadFrozen) const {
  if (group_->hasFrozen()) return whyFrozen();
  // The kernel takes back at once what had frozen, so that it runs.
  if (hadFrozen) return {};
  // Thawed before all in it had stopped: cgroup.events would say the same while one above it goes on to freeze it.
  std::string frozen;
  cgroup::findFrozen(group_->path(), group_->mount(), frozen);
  return frozen.empty() ? Failures() : Failures{{FailureCode::CgroupFrozen, 0, 0, "", false, frozen}};
}

/// What others stopped by a signal is to run as well. Whose the others are, in a group that was given, nobody knows.
void CgroupFreezer::continueAll() {
  for (const Registered& one : members_) {
    const Process& process = one.member.process;
    if (!one.member.gone && isInside(process.pid, true)) control_.send(process, Signal::Continue);
  }
  if (!group_->isMade()) return;
  for (const Pid pid : others()) {
    Member inhabitant;
    if (!control_.open(pid, inhabitant).empty()) continue;
    // Only then: it was in here while it was held.
    if (!inhabitant.gone && isInside(pid, false)) control_.send(inhabitant.process, Signal::Continue);
    control_.release(inhabitant.process);
  }
}

bool CgroupFreezer::isAnyAlive() const noexcept {
  return std::ranges::any_of(members_, [](const Registered& one) { return !one.member.gone; }) ||
         (!members_.empty() && group_->isMade() && group_->isPopulated());
}

Failures CgroupFreezer::deaths() const {
  Failures failures;
  for (const Registered& one : members_)
    failures.push_back({FailureCode::ProcessNotFound, one.member.process.pid, ESRCH, control_.sendCall()});
  return failures;
}

/// All at once: one system call.
void CgroupFreezer::findGone() noexcept {
  std::vector<Member> all;
  all.reserve(members_.size());
  for (const Registered& one : members_) all.push_back(one.member);
  control_.findGone(all);
  for (std::size_t i = 0; i < all.size(); ++i) members_[i].member.gone = all[i].gone;
}

void CgroupFreezer::dropGone() noexcept {
  // Where only their children live, members stay that have ended: the children are frozen in their name.
  const bool isNeeded =
      isAnyAlive() && std::ranges::all_of(members_, [](const Registered& one) { return one.member.gone; });
  if (isNeeded) return;
  std::erase_if(members_, [this](Registered& one) {
    if (one.member.gone) control_.release(one.member.process);
    hasDropped_ = hasDropped_ || one.member.gone;
    return one.member.gone;
  });
}

/// Moves back what came with members; out of one that we made, everything.
Failures CgroupFreezer::moveAllOut() {
  if (!isThere()) return {};
  // Where there are no descriptors, the moves have these.
  group_->closeFiles();
  findGone();
  for (Registered& one : members_) {
    if (one.member.gone) control_.release(one.member.process);
  }
  Failures failures = moveFamiliesOut();
  if (!group_->isMade()) return failures;
  // Orphans, and what was born meanwhile.
  const Homes homes = members_.empty() ? Homes() : members_.front().homes;
  constexpr int kRounds = 1000;
  for (int round = 0; round < kRounds && failures.empty(); ++round) {
    std::vector<Pid> left;
    if (const int error = moves_.inhabitants(left); error != 0) failures.push_back(failureOf(error, "open"));
    if (left.empty()) break;
    for (const Pid pid : left) append(failures, moves_.out(pid, homes));
  }
  return failures;
}

Failures CgroupFreezer::clear() {
  if (std::exchange(isCleared_, true)) return {};
  // First: from here on no other state sends a process to us.
  Origins::all().leave(id_);
  Failures failures = moveAllOut();
  for (Registered& one : members_) control_.release(one.member.process);
  members_.clear();
  const int error = group_->remove();
  // Where something could not be moved out, that is the reason.
  if (error != 0 && failures.empty())
    failures.push_back(cgroup::failureOf(error, cgroup::isExhausted(error) ? "open" : "rmdir", group_->path()));
  return failures;
}

/// By reading: the kernel limits its notices to about 100 a second.
std::vector<Pid> CgroupFreezer::unstopped(const Ticket& /*frozen*/, Deadline /*until*/) {
  if (group_->hasFrozen()) return {};
  std::vector<Pid> pids;
  for (const Registered& one : members_) {
    if (!one.member.gone) pids.push_back(one.member.process.pid);
  }
  return pids;
}

std::vector<MemberOutcome> CgroupFreezer::outcomes() {
  findGone();
  std::vector<MemberOutcome> list;
  for (const Registered& one : members_) {
    const Outcome alive = one.member.wasStopped ? Outcome::AlreadyStopped : Outcome::Stopped;
    list.push_back({one.member.process.pid, one.member.gone ? Outcome::Gone : alive});
  }
  for (const Pid pid : others()) list.push_back({pid, Outcome::Stopped});
  return list;
}

std::vector<Pid> CgroupFreezer::everyone() {
  std::vector<Pid> everyone = pids();
  const std::vector<Pid> rest = others();
  everyone.insert(everyone.end(), rest.begin(), rest.end());
  return everyone;
}

/// Who is in the group and no member.
std::vector<Pid> CgroupFreezer::others() const {
  const std::vector<Pid> members = pids();
  const std::unordered_set<Pid> isMember(members.begin(), members.end());
  std::vector<Pid> others;
  moves_.inhabitants(others);
  std::erase_if(others, [&](Pid pid) { return isMember.contains(pid); });
  return others;
}

std::optional<MemberStatus> CgroupFreezer::inspect(Pid pid, std::vector<Pid>& /*found*/) {
  const Registered* const one = find(pid);
  const ProcessState state = one == nullptr ? lookAt(control_, pid) : control_.look(one->member.process);
  const bool isAwake = state == ProcessState::Running || state == ProcessState::Sleeping;
  const bool isHere = isInside(pid, one != nullptr);
  const bool isHeld = isHere && isAwake && group_->hasFrozen();
  // Somebody else who uses the group may have thawed it.
  bool isSet = false;
  const bool isByUs = isHere && isFrozenByUs() && group_->readSet(isSet) == 0 && isSet;
  return MemberStatus{pid, isHeld ? ProcessState::Stopped : state, one != nullptr, isByUs};
}

}  // namespace freeze_state

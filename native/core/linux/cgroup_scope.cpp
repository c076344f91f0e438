#include "cgroup_scope.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iterator>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "../live_states.h"
#include "proc.h"

namespace freeze_state {

namespace {

/// A name that no other state has, of this process or another, nor one that a process with our pid left behind.
std::string newName() {
  static std::atomic<unsigned> count{0};
  std::array<char, 64> name{};
  std::snprintf(name.data(), name.size(), "freeze-state-%d-%016llx-%u", getpid(),
                static_cast<unsigned long long>(live_states::processToken()), ++count);
  return name.data();
}

/// Without symbolic links and dots, as /proc has the paths of cgroups. One that does not exist stays as it is.
std::string resolved(const std::string& path) {
  if (path.empty()) return path;
  std::array<char, PATH_MAX> buffer{};
  return realpath(path.c_str(), buffer.data()) == nullptr ? path : std::string(buffer.data());
}

/// With those below it, which the members made. Those that exit take a moment to leave it.
// NOLINTNEXTLINE(misc-no-recursion): as deep as the hierarchy is
int removeDirectory(const std::string& path) {
  for (const std::string& below : cgroup::groupsBelow(path)) removeDirectory(below);
  constexpr timespec kMillisecond{0, 1'000'000};
  constexpr int kTries = 50;
  for (int left = kTries; rmdir(path.c_str()) != 0; --left) {
    if (errno == ENOENT) return 0;
    if (errno != EBUSY || left == 0) return errno;
    std::vector<Pid> pids;
    cgroup::processes(path, pids);
    // Somebody else has put one there.
    if (!pids.empty()) return EBUSY;
    nanosleep(&kMillisecond, nullptr);
  }
  return 0;
}

}  // namespace

ScopeResult CgroupScope::make(const CgroupPlace& place, Signaller& signaller) {
  const bool isMade = place.path.empty();
  std::string path = resolved(isMade ? place.parent : place.path);
  const auto mount = cgroup::findMount(path);
  if (!mount) return {nullptr, {{FailureCode::CgroupNotMounted}}};
  if (isMade) {
    if (path.empty()) path = cgroup::directoryOf(getpid(), *mount).value_or("");
    if (path.empty()) return {nullptr, {{FailureCode::CgroupMissing, 0, 0, "", false, mount->point}}};
    path.append("/").append(newName());
    constexpr mode_t kMode = 0755;
    if (mkdir(path.c_str(), kMode) != 0)
      return {nullptr, {cgroup::failureOf(errno, "mkdir", path.substr(0, path.rfind('/')))}};
  }
  std::unique_ptr<CgroupScope> scope(new CgroupScope(*mount, std::move(path), isMade, signaller));
  Failures failures = cgroup::whyUnfit(scope->path_, *mount);
  if (failures.empty()) failures = scope->openFiles();
  if (!failures.empty()) return {nullptr, std::move(failures)};
  return {std::move(scope), {}};
}

Failures CgroupScope::whyNot() {
  const auto mount = cgroup::findMount();
  if (!mount) return {{FailureCode::CgroupNotMounted}};
  const auto own = cgroup::directoryOf(getpid(), *mount);
  if (!own) return {{FailureCode::CgroupMissing, 0, 0, "", false, mount->point}};
  for (const std::string& file : {*own, *own + "/cgroup.procs"}) {
    if (access(file.c_str(), W_OK) != 0) return {cgroup::failureOf(errno, "access", *own)};
  }
  std::string type;
  if (cgroup::read(*own, "cgroup.type", type) == 0 && !type.starts_with("domain\n"))
    return {{FailureCode::CgroupThreaded, 0, EOPNOTSUPP, "read", false, *own}};
  if (const std::string frozen = cgroup::frozenAtOrAbove(*own, *mount); !frozen.empty())
    return {{FailureCode::CgroupFrozen, 0, 0, "", false, frozen}};
  return {};
}

CgroupScope::~CgroupScope() { clear(); }

Failures CgroupScope::openFiles() {
  freezeFd_ = open((path_ + "/cgroup.freeze").c_str(), O_RDWR | O_CLOEXEC);
  eventsFd_ = open((path_ + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC);
  if (freezeFd_ >= 0 && eventsFd_ >= 0) return {};
  return {cgroup::failureOf(errno, "open", path_)};
}

void CgroupScope::closeFiles() noexcept {
  for (int* fd : {&freezeFd_, &eventsFd_}) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
  }
}

/// Returns 0, or the errno(3).
int CgroupScope::setFrozen(bool yes) const noexcept { return pwrite(freezeFd_, yes ? "1" : "0", 1, 0) < 0 ? errno : 0; }

/// Whether cgroup.events has the line now.
bool CgroupScope::reads(const char* line) const noexcept {
  std::array<char, 256> buffer{};
  const ssize_t length = pread(eventsFd_, buffer.data(), buffer.size(), 0);
  if (length <= 0) return false;
  return std::string_view(buffer.data(), static_cast<std::size_t>(length)).find(line) != std::string_view::npos;
}

std::vector<Pid> CgroupScope::inhabitants() const {
  std::vector<Pid> pids;
  cgroup::processes(path_, pids);
  return pids;
}

/// Whether the process is in it now, or below it.
bool CgroupScope::isInside(Pid pid) const {
  const auto directory = cgroup::directoryOf(pid, mount_);
  return directory && cgroup::isWithin(*directory, path_);
}

/// Where a newcomer is to go back to: where it is; or, born in what we made, where those came from that it descends
/// from.
std::string CgroupScope::originOf(Pid pid) const {
  std::string directory = cgroup::directoryOf(pid, mount_).value_or("");
  if (!isMade_ || !cgroup::isWithin(directory, path_)) return directory;
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
  if (error == ENOENT || error == ENODEV)
    error = cgroup::write(path_.substr(0, path_.rfind('/')), "cgroup.procs", number);
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
  const std::string watched = isFrozenByUs_ ? path_.substr(0, path_.rfind('/')) : path_;
  for (const std::string& directory : {watched, cgroup::isWithin(origin, path_) ? watched : origin}) {
    if (const std::string frozen = cgroup::frozenAtOrAbove(directory, mount_); !frozen.empty())
      return {{FailureCode::CgroupFrozen, pid, 0, "", false, frozen}};
  }
  const int error = cgroup::write(path_, "cgroup.procs", std::to_string(pid));
  member.gone = error == ESRCH;
  if (error != 0 && error != ESRCH) {
    Failure failure = cgroup::failureOf(error, "write", path_);
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
  const bool isAtHome = one->origin == path_ && !isMade_;
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
      if (!again.gone) return {{FailureCode::CgroupLeft, pid, 0, "", false, path_}};
    }
  }
  return {};
}

Failures CgroupScope::stop(const Ticket& ticket, bool isNoting) {
  findGone();
  for (Registered& one : members_) {
    if (!isNoting || one.member.gone) continue;
    if (!ticket.isCurrent()) return {};
    one.member.wasStopped = signaller_.look(one.member.process) == ProcessState::Stopped;
  }
  std::vector<Pid> inside;
  cgroup::directProcesses(path_, inside);
  if (std::ranges::find(inside, ownPid()) != inside.end())
    return {{FailureCode::CgroupOurs, ownPid(), 0, "", false, path_}};
  if (Failures failures = findLeft(inside); !failures.empty()) return failures;
  char now = '0';
  if (pread(freezeFd_, &now, 1, 0) < 0) return {cgroup::failureOf(errno, "read", path_)};
  if (!isFrozenByUs_ && (now == '1' || reads("frozen 1"))) {
    const std::string frozen = cgroup::frozenAtOrAbove(path_, mount_);
    if (!frozen.empty()) return {{FailureCode::CgroupFrozen, 0, 0, "", false, frozen}};
  }
  if (!ticket.isCurrent()) return {};
  if (const int error = setFrozen(true); error != 0) return {cgroup::failureOf(error, "write", path_)};
  isFrozenByUs_ = true;
  return {};
}

Failures CgroupScope::resume(Whom whom) {
  if (isCleared_ || (whom == Whom::Stopped && !isFrozenByUs_)) return {};
  const int error = setFrozen(false);
  // Removed by somebody else: then nothing is in it.
  if (error != 0 && error != ENODEV) {
    Failure failure = cgroup::failureOf(error, "write", path_);
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
  const std::string frozen = cgroup::frozenAtOrAbove(path_, mount_);
  if (frozen.empty()) return {};
  return {{FailureCode::CgroupFrozen, 0, 0, "", false, frozen}};
}

bool CgroupScope::isAnyAlive() const noexcept {
  return std::ranges::any_of(members_, [](const Registered& one) { return !one.member.gone; }) ||
         (!members_.empty() && isMade_ && reads("populated 1"));
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
    if (one.member.gone || (one.origin == path_ && !isMade_) || !isInside(pid)) continue;
    for (const Pid relative : familyOf(pid)) append(failures, moveOut(relative, one.origin));
  }
  if (!isMade_) return failures;
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
  Failures failures;
  if (freezeFd_ >= 0) failures = moveAllOut();
  for (Registered& one : members_) signaller_.release(one.member.process);
  members_.clear();
  closeFiles();
  if (isMade_) {
    if (const int error = removeDirectory(path_); error != 0)
      failures.push_back(cgroup::failureOf(error, "rmdir", path_));
  }
  return failures;
}

/// By reading: the kernel limits its notices to about 100 a second.
std::vector<Pid> CgroupScope::unstopped(const Ticket& /*frozen*/, Deadline /*until*/) {
  if (reads("frozen 1")) return {};
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

std::vector<MemberStatus> CgroupScope::inspect() {
  const bool isFrozen = reads("frozen 1");
  const std::vector<Pid> inside = inhabitants();
  std::vector<MemberStatus> list;
  for (const Registered& one : members_) {
    const Pid pid = one.member.process.pid;
    const bool isInside = std::ranges::find(inside, pid) != inside.end();
    const ProcessState state = signaller_.look(one.member.process);
    const bool isHeld = isInside && isFrozen && (state == ProcessState::Running || state == ProcessState::Sleeping);
    list.push_back({pid, isHeld ? ProcessState::Stopped : state, true, isInside && isFrozenByUs_});
  }
  for (const Pid pid : inside) {
    if (find(pid) != nullptr) continue;
    const ProcessState state = proc::look(pid);
    list.push_back({pid, isFrozen ? ProcessState::Stopped : state, false, isFrozenByUs_});
  }
  return list;
}

}  // namespace freeze_state

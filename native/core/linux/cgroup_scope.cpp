#include "cgroup_scope.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "proc.h"

namespace freeze_state {

namespace {

/// A name for a new one, which no other state of this process has, nor a process that lives.
std::string newName() {
  static std::atomic<unsigned> count{0};
  return "freeze-state-" + std::to_string(getpid()) + "-" + std::to_string(++count);
}

/// Without symbolic links and dots, as /proc has the paths of cgroups. One that does not exist stays as it is.
std::string resolved(const std::string& path) {
  std::array<char, PATH_MAX> buffer{};
  return realpath(path.c_str(), buffer.data()) == nullptr ? path : std::string(buffer.data());
}

/// Those that exit take a moment to leave it.
int removeDirectory(const std::string& path) noexcept {
  constexpr timespec kMillisecond{0, 1'000'000};
  constexpr int kTries = 50;
  for (int left = kTries; rmdir(path.c_str()) != 0; --left) {
    if (errno == ENOENT) return 0;
    if (errno != EBUSY || left == 0) return errno;
    nanosleep(&kMillisecond, nullptr);
  }
  return 0;
}

}  // namespace

ScopeResult CgroupScope::make(const CgroupPlace& place, Signaller& signaller) {
  const auto mount = cgroup::findMount();
  if (!mount) return {nullptr, {{FailureCode::CgroupNotMounted}}};
  const bool isMade = place.path.empty();
  std::string path = resolved(place.path);
  if (isMade) {
    const auto own = cgroup::directoryOf(getpid(), *mount);
    if (place.parent.empty() && !own) return {nullptr, {{FailureCode::CgroupMissing, 0, 0, "", false, mount->point}}};
    path = (place.parent.empty() ? *own : resolved(place.parent)) + "/" + newName();
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
  if (access(own->c_str(), W_OK) != 0) return {cgroup::failureOf(errno, "mkdir", *own)};
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
int CgroupScope::setFrozen(bool yes) noexcept { return pwrite(freezeFd_, yes ? "1" : "0", 1, 0) < 0 ? errno : 0; }

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

/// The process, and those in the cgroup that descend from it.
std::vector<Pid> CgroupScope::familyOf(Pid pid) const {
  std::unordered_map<Pid, Pid> parents;
  for (const Pid inhabitant : inhabitants()) {
    proc::Stat stat{};
    if (proc::stat(inhabitant, stat) == 0) parents[inhabitant] = stat.parent;
  }
  std::vector<Pid> family{pid};
  for (const auto& [inhabitant, _] : parents) {
    Pid ancestor = inhabitant;
    for (auto at = parents.find(ancestor); ancestor != pid && at != parents.end(); at = parents.find(ancestor))
      ancestor = at->second;
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
  for (const Registered& one : members_) pids.push_back(one.member.process.pid);
  return pids;
}

Failures CgroupScope::add(Pid pid, const Ticket* /*frozen*/) {
  if (Registered* known = find(pid); known != nullptr) {
    signaller_.findGone({&known->member, 1});
    if (!known->member.gone) return {};
    signaller_.release(known->member.process);
    members_.erase(members_.begin() + (known - members_.data()));
  }
  Registered newcomer;
  newcomer.member.process.pid = pid;
  if (Failures failures = signaller_.open(pid, newcomer.member); !failures.empty()) return failures;
  newcomer.origin = cgroup::directoryOf(pid, mount_).value_or("");
  // Only now: if it lives, what was read was about it.
  signaller_.findGone({&newcomer.member, 1});
  if (!newcomer.member.gone) {
    Failures failures;
    // In one that is frozen by others it would be frozen with nobody having asked for that.
    const std::string watched = isFrozenByUs_ ? path_.substr(0, path_.rfind('/')) : path_;
    if (const std::string above = cgroup::frozenAtOrAbove(watched, mount_); !above.empty()) {
      failures = {{FailureCode::CgroupFrozen, pid, 0, "", false, above}};
    } else if (const int error = cgroup::write(path_, "cgroup.procs", std::to_string(pid)); error == ESRCH) {
      newcomer.member.gone = true;
    } else if (error != 0) {
      failures = {cgroup::failureOf(error, "write", path_)};
      failures.front().pid = pid;
    }
    if (!failures.empty()) {
      signaller_.release(newcomer.member.process);
      return failures;
    }
    signaller_.findGone({&newcomer.member, 1});
    // It exited at that moment. Should the number be somebody else's already, that one was moved: not for long.
    if (newcomer.member.gone && cgroup::directoryOf(pid, mount_) == path_) moveOut(pid, newcomer.origin);
  }
  members_.push_back(std::move(newcomer));
  return {};
}

UnregisterResult CgroupScope::remove(Pid pid) {
  Registered* const one = find(pid);
  if (one == nullptr) return {};
  signaller_.findGone({&one->member, 1});
  if (!one->member.gone && one->origin != path_) {
    for (const Pid relative : familyOf(pid)) {
      if (relative != pid && find(relative) != nullptr) continue;
      if (Failures failures = moveOut(relative, one->origin); !failures.empty()) return {true, failures};
    }
  }
  signaller_.release(one->member.process);
  members_.erase(members_.begin() + (one - members_.data()));
  return {true, {}};
}

Failures CgroupScope::stop(const Ticket& ticket, bool isNoting) {
  findGone();
  for (Registered& one : members_) {
    if (!isNoting || one.member.gone) continue;
    if (!ticket.isCurrent()) return {};
    one.member.wasStopped = signaller_.look(one.member.process) == ProcessState::Stopped;
  }
  char now = '0';
  if (pread(freezeFd_, &now, 1, 0) < 0) return {cgroup::failureOf(errno, "read", path_)};
  if (now == '1' && !isFrozenByUs_) return {{FailureCode::CgroupFrozen, 0, 0, "", false, path_}};
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
    for (const Registered& one : members_) {
      if (!one.member.gone) signaller_.send(one.member.process, Signal::Continue);
    }
  }
  // Once our own freeze is taken off, it reads frozen only if one above it is.
  if (!reads("frozen 1")) return {};
  const std::string above = cgroup::frozenAtOrAbove(path_, mount_);
  return {{FailureCode::CgroupFrozen, 0, 0, "", false, above.empty() ? path_ : above}};
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
  for (const Registered& one : members_) {
    if (one.origin == path_) continue;
    for (const Pid pid : familyOf(one.member.process.pid)) {
      if (pid == one.member.process.pid && one.member.gone) continue;
      append(failures, moveOut(pid, one.origin));
    }
  }
  if (!isMade_) return failures;
  // Orphans, and what was born meanwhile.
  constexpr int kRounds = 1000;
  for (int round = 0; round < kRounds && failures.empty(); ++round) {
    const std::vector<Pid> left = inhabitants();
    if (left.empty()) break;
    for (const Pid pid : left) append(failures, moveOut(pid, members_.empty() ? "" : members_.front().origin));
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
  findGone();
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

#include "../freezable_cgroup.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <utility>
#include <vector>

#include "../../deadline.h"
#include "../../process_token.h"
#include "../cgroup_location.h"
#include "access.h"
#include "kept_descriptors.h"
#include "kernel_file.h"
#include "thread_states.h"

namespace freeze_state {

namespace {

/// A name that no other state has, of this process or another, nor one that a process with our pid left behind.
std::string newName() {
  static std::atomic<unsigned> count{0};
  std::array<char, 64> name{};
  std::snprintf(name.data(), name.size(), "freeze-state-%d-%016llx-%u", getpid(),
                static_cast<unsigned long long>(processToken()), ++count);
  return name.data();
}

/// Whether a state has made the directory, of this process or another.
bool isOfState(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  int pid = 0;
  unsigned long long token = 0;
  unsigned count = 0;
  int length = 0;
  constexpr int kFields = 3;
  // Whatever is out of range is no name of ours, and has no lock. NOLINTNEXTLINE(cert-err34-c)
  return std::sscanf(name.c_str(), "freeze-state-%d-%16llx-%u%n", &pid, &token, &count, &length) == kFields &&
         static_cast<std::size_t>(length) == name.size();
}

/// Without symbolic links and dots, as /proc has the paths of cgroups. One that does not exist stays as it is.
std::string resolved(const std::string& path) {
  if (path.empty()) return path;
  std::array<char, PATH_MAX> buffer{};
  return realpath(path.c_str(), buffer.data()) == nullptr ? path : std::string(buffer.data());
}

/// The directory of our own cgroup.
Failures findOwn(const cgroup::Mount& mount, std::string& directory) {
  const int error = cgroup::locate(getpid(), mount, mount.point, directory);
  if (isOutOfResources(error)) return {cgroup::failureOf(error, "open", mount.point)};
  return directory.empty() ? Failures{cgroup::refusal(FailureCode::CgroupMissing, mount.point)} : Failures();
}

/// Removes the directory and those below it, which the members made. A process that exits takes a moment to leave;
/// `left` is how many milliseconds the waits for that may still take together. Returns 0, or the errno(3).
// NOLINTNEXTLINE(misc-no-recursion): as deep as the hierarchy is
int removeDirectory(const std::string& path, const cgroup::Mount& mount, int& left) {
  std::vector<std::string> groups;
  cgroup::groupsBelow(path, groups);
  for (const std::string& below : groups) removeDirectory(below, mount, left);
  constexpr timespec kMillisecond{0, 1'000'000};
  for (; rmdir(path.c_str()) != 0; --left) {
    if (errno == ENOENT) return 0;
    if (errno != EBUSY || left <= 0) return errno;
    std::vector<Pid> pids;
    if (const int error = cgroup::processes(path, mount, pids); error != 0) return error;
    // A process that is exiting leaves by itself. Any other was put there by a foreign process.
    std::erase_if(pids, procfs::isExiting);
    if (!pids.empty()) return EBUSY;
    nanosleep(&kMillisecond, nullptr);
  }
  return 0;
}

/// Locks the file for as long as its open file description lives. By fcntl_locking(2), which seccomp filters allow,
/// since no program does without fcntl(2). And by flock(2), which some filters deny, but which earlier builds ask to
/// see whether the owner lives. Returns 0, or the errno(3): EAGAIN where another process has a lock on it, be it a
/// shared one. `call` is the system call that failed.
int lock(int fd, const char*& call) noexcept {
  call = "flock";
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return EAGAIN;
    if (errno != EINTR) break;
  }
  call = "fcntl";
  struct flock whole{};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  while (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

/// As `lock`, but waits a second at most for a `sweep` that holds the lock for a moment. The wait is not the kernel's
/// own, which would last for as long as any process that may open the file likes.
int lockSoon(int fd, const char*& call) noexcept {
  constexpr std::chrono::seconds kPatience{1};
  constexpr timespec kMillisecond{0, 1'000'000};
  const auto end = Clock::now() + kPatience;
  int error = lock(fd, call);
  while (error == EAGAIN && Clock::now() < end) {
    nanosleep(&kMillisecond, nullptr);
    error = lock(fd, call);
  }
  return error;
}

}  // namespace

/// Thaws the groups in `parent` whose owners have died, and removes those that are empty. Such an emulator was killed
/// together with its guardian, or its members outlived it. The lock on cgroup.freeze says whether the owner lives, in
/// any pid namespace.
void FreezableCgroup::sweep(const std::string& parent, const cgroup::Mount& mount) {
  std::vector<std::string> groups;
  cgroup::groupsBelow(parent, groups);
  for (const std::string& path : groups) {
    if (!isOfState(path)) continue;
    const FileDescriptor freeze(::open((path + "/cgroup.freeze").c_str(), O_RDWR | O_CLOEXEC));
    const char* call = nullptr;
    if (!freeze.isOpen() || lock(freeze.get(), call) != 0) continue;
    char isFrozen = '0';
    if (pread(freeze.get(), &isFrozen, 1, 0) == 1 && isFrozen == '1') cgroup::write(path, "cgroup.freeze", "0");
    std::string events;
    int noWait = 0;
    if (cgroup::read(path, "cgroup.events", events) == 0 && !cgroup::eventOf(events, "populated").value_or(true))
      removeDirectory(path, mount, noWait);
  }
}

std::unique_ptr<FreezableCgroup> FreezableCgroup::make(const CgroupPlace& place, Failures& failures) {
  const bool isOwned = place.path.empty();
  std::string path = resolved(isOwned ? place.parent : place.path);
  cgroup::Mount mount;
  failures = cgroup::findMount(path, mount);
  if (failures.empty() && path.empty()) failures = findOwn(mount, path);
  if (!failures.empty()) return nullptr;
  if (!isOwned) {
    failures = cgroup::whyUnfit(path, mount);
    return failures.empty() ? open(mount, std::move(path), isOwned, failures) : nullptr;
  }
  sweep(path, mount);
  // States that are made at the same moment sweep each other's groups; on a loaded machine a few tries are soon lost.
  constexpr int kTries = 100;
  for (int tries = 1;; ++tries) {
    const std::string owned = path + "/" + newName();
    // Until it is locked, no other user can open its files, and lock them first.
    constexpr mode_t kUnlockedMode = 0700;
    constexpr mode_t kMode = 0755;
    if (mkdir(owned.c_str(), kUnlockedMode) != 0) {
      failures = {cgroup::failureOf(errno, "mkdir", path)};
      return nullptr;
    }
    // Whatever the umask(2) of the program is: without these we could not open its files.
    chmod(owned.c_str(), kUnlockedMode);
    failures = cgroup::whyUnfit(owned, mount);
    const bool isFit = failures.empty();
    auto group = isFit ? open(mount, owned, isOwned, failures) : nullptr;
    if (group) {
      chmod(owned.c_str(), kMode);
      return group;
    }
    // Another state that was made at this moment may have swept it before it was locked. While it is being removed its
    // path is still there, and its files answer ENODEV. One that was fit and could not be opened was removed by us, so
    // only its answer tells. Any other error would meet the next group, too.
    const int error = failures.front().error;
    const auto isNotThere = [&] { return access(owned.c_str(), F_OK) != 0 && errno == ENOENT; };
    const bool wasSwept = error == ENODEV || (isFit ? error == ENOENT : isNotThere());
    // A process that has locked this one would lock the next one, too, and each takes a second.
    const bool wasLocked = error == EAGAIN;
    rmdir(owned.c_str());
    if (!wasSwept || wasLocked || tries == kTries) return nullptr;
  }
}

std::unique_ptr<FreezableCgroup> FreezableCgroup::open(const cgroup::Mount& mount, std::string path, bool isOwned,
                                                       Failures& failures) {
  std::unique_ptr<FreezableCgroup> group(new FreezableCgroup(mount, std::move(path), isOwned));
  failures = group->openFiles();
  if (!failures.empty()) return nullptr;
  return group;
}

LedgerCgroup FreezableCgroup::identify() const {
  struct stat status{};
  const bool isThere = stat(path_.c_str(), &status) == 0;
  return {path_, isThere ? status.st_ino : 0, isOwned_};
}

Failures FreezableCgroup::whyNot() {
  cgroup::Mount mount;
  std::string own;
  if (Failures failures = cgroup::findMount("", mount); !failures.empty()) return failures;
  if (Failures failures = findOwn(mount, own); !failures.empty()) return failures;
  for (const std::string& file : {own, own + "/cgroup.procs"}) {
    if (const int error = findAccess(file.c_str(), W_OK); error != 0) return {cgroup::failureOf(error, "access", own)};
  }
  std::string type;
  if (cgroup::read(own, "cgroup.type", type) == 0 && !type.starts_with("domain\n"))
    return {cgroup::failureOf(EOPNOTSUPP, "read", own)};
  return cgroup::whyFrozen(own, mount);
}

Failures FreezableCgroup::openFiles() {
  const auto opened = [this](const char* file, int flags) {
    const std::string path = path_ + file;
    return kept_descriptors::withDescriptor([&] { return ::open(path.c_str(), flags | O_CLOEXEC); });
  };
  opener_ = geteuid();
  freezeFile_.reset(opened("/cgroup.freeze", O_RDWR));
  if (freezeFile_.isOpen()) eventsFile_.reset(opened("/cgroup.events", O_RDONLY));
  if (!eventsFile_.isOpen()) return {cgroup::failureOf(errno, "open", path_)};
  threadsFile_ = keptFile("/cgroup.threads", O_RDONLY);
  procsFile_ = keptFile("/cgroup.procs", O_RDWR);
  if (!isOwned_) return {};
  // Locked for as long as we live.
  const char* call = nullptr;
  if (const int error = lockSoon(freezeFile_.get(), call); error != 0) return {cgroup::failureOf(error, call, path_)};
  bool isFrozen = false;
  const int error = readSet(isFrozen);
  return error == 0 ? Failures() : Failures{cgroup::failureOf(error, "read", path_)};
}

/// Not open where it cannot be opened, or where descriptors are few: then it is opened anew each time that it is
/// needed.
FileDescriptor FreezableCgroup::keptFile(const char* file, int flags) const {
  FileDescriptor kept(::open((path_ + file).c_str(), flags | O_CLOEXEC));
  if (kept.isOpen() && !kept_descriptors::mayKeep(kept.get())) kept.reset();
  return kept;
}

int FreezableCgroup::setFrozen(bool isFrozen) const noexcept {
  return pwrite(freezeFile_.get(), isFrozen ? "1" : "0", 1, 0) < 0 ? errno : 0;
}

int FreezableCgroup::readSet(bool& isFrozen) const noexcept {
  char now = '0';
  const int error = pread(freezeFile_.get(), &now, 1, 0) < 0 ? errno : 0;
  isFrozen = now == '1';
  return error;
}

bool FreezableCgroup::hasGroupsBelow() const noexcept {
  struct stat status{};
  // A directory has two links, and one for each directory in it. Where the file system does not count them, there may
  // be some.
  return stat(path_.c_str(), &status) != 0 || status.st_nlink != 2;
}

int FreezableCgroup::threads(std::vector<Pid>& ids) const {
  return threadsFile_.isOpen() ? kernel_file::readPids(threadsFile_.get(), ids) : cgroup::threads(path_, ids);
}

/// The short way: nothing is below, and each process that is listed has its first thread here.
int FreezableCgroup::processes(std::vector<Pid>& pids, std::span<const Pid> known) const {
  std::vector<Pid> listed;
  std::vector<Pid> now;
  const auto haveFirstThreads = [&](std::span<const Pid> ids) {
    return std::ranges::all_of(listed, [&](Pid pid) { return std::ranges::binary_search(ids, pid); });
  };
  const auto areAllIn = [&] {
    if (haveFirstThreads(known)) return true;
    if (threads(now) != 0) return false;
    std::ranges::sort(now);
    return haveFirstThreads(now);
  };
  if (procsFile_.isOpen() && !hasGroupsBelow() && kernel_file::readPids(procsFile_.get(), listed) == 0 && areAllIn()) {
    pids.insert(pids.end(), listed.begin(), listed.end());
    return 0;
  }
  return cgroup::processes(path_, mount_, pids);
}

int FreezableCgroup::join(Pid pid) const {
  if (!procsFile_.isOpen() || geteuid() != opener_) return cgroup::join(path_, pid);
  const std::string text = std::to_string(pid);
  return ::write(procsFile_.get(), text.data(), text.size()) < 0 ? errno : 0;
}

/// What cgroup.events says now; false where it cannot be read.
bool FreezableCgroup::event(const char* name) const noexcept {
  std::array<char, 256> buffer{};
  const ssize_t length = pread(eventsFile_.get(), buffer.data(), buffer.size(), 0);
  if (length <= 0) return false;
  return cgroup::eventOf({buffer.data(), static_cast<std::size_t>(length)}, name).value_or(false);
}

void FreezableCgroup::closeFiles() noexcept {
  freezeFile_.reset();
  eventsFile_.reset();
  for (FileDescriptor* const kept : {&threadsFile_, &procsFile_}) {
    if (kept->isOpen()) kept_descriptors::release();
    kept->reset();
  }
}

int FreezableCgroup::remove() noexcept {
  if (isRemoved_) return 0;
  closeFiles();
  // Only `close` and the end of a state come here, and they hold the state's lock. By that time all members run, and
  // the word says closed. Freezes, thaws and registrations therefore return before they take the lock. Only calls that
  // have to learn that the state is closed wait for these milliseconds: another closer, a wait, a call that asks for
  // the members. It takes many milliseconds only for a process with much memory: the last of its threads may hold the
  // group when cgroup.procs does not list the process any more.
  const int error = isOwned_ ? removeDirectory(path_, mount_, patience_) : 0;
  isRemoved_ = error == 0;
  return error;
}

}  // namespace freeze_state

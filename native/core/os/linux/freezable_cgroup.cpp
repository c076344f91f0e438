#include "../freezable_cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <utility>
#include <vector>

#include "../cgroup_location.h"
#include "access.h"
#include "kept_descriptors.h"
#include "kernel_file.h"
#include "owned_cgroup.h"

namespace freeze_state {

namespace {

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

}  // namespace

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
  std::unique_ptr<FreezableCgroup> group;
  failures = owned_cgroup::make(path, mount, [&](const std::string& owned) {
    Failures why;
    group = open(mount, owned, isOwned, why);
    return why;
  });
  return group;
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
  directory_ = keptFile("", O_PATH | O_DIRECTORY);
  if (!isOwned_) return {};
  // Locked for as long as we live.
  const char* call = nullptr;
  if (const int error = owned_cgroup::lock(freezeFile_.get(), call); error != 0)
    return {cgroup::failureOf(error, call, path_)};
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
  const int error = directory_.isOpen() ? fstat(directory_.get(), &status) : stat(path_.c_str(), &status);
  // A directory has two links, and one for each directory in it. Where the file system does not count them, there may
  // be some.
  return error != 0 || status.st_nlink != 2;
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
  for (FileDescriptor* const kept : {&threadsFile_, &procsFile_, &directory_}) {
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
  const int error = isOwned_ ? owned_cgroup::remove(path_, mount_, patience_) : 0;
  isRemoved_ = error == 0;
  return error;
}

}  // namespace freeze_state

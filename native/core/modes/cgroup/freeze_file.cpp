#include "freeze_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <utility>
#include <vector>

#include "../../process_token.h"

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

/// Without symbolic links and dots, as /proc has the paths of cgroups. One that does not exist stays as it is.
std::string resolved(const std::string& path) {
  if (path.empty()) return path;
  std::array<char, PATH_MAX> buffer{};
  return realpath(path.c_str(), buffer.data()) == nullptr ? path : std::string(buffer.data());
}

/// The directory of our own cgroup.
Failures findOwn(const cgroup::Mount& mount, std::string& directory) {
  const int error = cgroup::findDirectory(getpid(), mount, directory);
  if (cgroup::isExhausted(error)) return {cgroup::failureOf(error, "open", mount.point)};
  return directory.empty() ? Failures{{FailureCode::CgroupMissing, 0, 0, "", false, mount.point}} : Failures();
}

/// With those below it, which the members made. Those that exit take a moment to leave it: for as long as they all
/// together have milliseconds left.
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
    // Somebody else has put one there.
    if (!pids.empty()) return EBUSY;
    nanosleep(&kMillisecond, nullptr);
  }
  return 0;
}

}  // namespace

std::unique_ptr<FreezeFile> FreezeFile::make(const CgroupPlace& place, Failures& failures) {
  const bool isOwned = place.path.empty();
  std::string path = resolved(isOwned ? place.parent : place.path);
  cgroup::Mount mount;
  failures = cgroup::findMount(path, mount);
  if (failures.empty() && path.empty()) failures = findOwn(mount, path);
  if (!failures.empty()) return nullptr;
  if (isOwned) {
    const std::string parent = path;
    path.append("/").append(newName());
    constexpr mode_t kMode = 0755;
    if (mkdir(path.c_str(), kMode) != 0) {
      failures = {cgroup::failureOf(errno, "mkdir", parent)};
      return nullptr;
    }
  }
  std::unique_ptr<FreezeFile> group(new FreezeFile(mount, std::move(path), isOwned));
  failures = cgroup::whyUnfit(group->path_, mount);
  if (failures.empty()) failures = group->openFiles();
  if (!failures.empty()) return nullptr;
  return group;
}

Failures FreezeFile::whyNot() {
  cgroup::Mount mount;
  std::string own;
  if (Failures failures = cgroup::findMount("", mount); !failures.empty()) return failures;
  if (Failures failures = findOwn(mount, own); !failures.empty()) return failures;
  for (const std::string& file : {own, own + "/cgroup.procs"}) {
    if (access(file.c_str(), W_OK) != 0) return {cgroup::failureOf(errno, "access", own)};
  }
  std::string type;
  if (cgroup::read(own, "cgroup.type", type) == 0 && !type.starts_with("domain\n"))
    return {{FailureCode::CgroupThreaded, 0, EOPNOTSUPP, "read", false, own}};
  std::string frozen;
  if (const int error = cgroup::findFrozen(own, mount, frozen); error != 0)
    return {cgroup::failureOf(error, "open", own)};
  return frozen.empty() ? Failures() : Failures{{FailureCode::CgroupFrozen, 0, 0, "", false, frozen}};
}

Failures FreezeFile::openFiles() {
  freezeFd_ = open((path_ + "/cgroup.freeze").c_str(), O_RDWR | O_CLOEXEC);
  eventsFd_ = open((path_ + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC);
  if (freezeFd_ >= 0 && eventsFd_ >= 0) return {};
  return {cgroup::failureOf(errno, "open", path_)};
}

int FreezeFile::set(bool isFrozen) const noexcept {
  return pwrite(freezeFd_, isFrozen ? "1" : "0", 1, 0) < 0 ? errno : 0;
}

int FreezeFile::readSet(bool& isFrozen) const noexcept {
  char now = '0';
  const int error = pread(freezeFd_, &now, 1, 0) < 0 ? errno : 0;
  isFrozen = now == '1';
  return error;
}

/// Whether cgroup.events has the line now.
bool FreezeFile::reads(const char* line) const noexcept {
  std::array<char, 256> buffer{};
  const ssize_t length = pread(eventsFd_, buffer.data(), buffer.size(), 0);
  if (length <= 0) return false;
  return std::string_view(buffer.data(), static_cast<std::size_t>(length)).find(line) != std::string_view::npos;
}

void FreezeFile::closeFiles() noexcept {
  for (int* fd : {&freezeFd_, &eventsFd_}) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
  }
}

int FreezeFile::remove() noexcept {
  if (std::exchange(isRemoved_, true)) return 0;
  closeFiles();
  // Only `close` and the end of a state come here, which hold the state's lock then. By that time all members run, and
  // the word says closed, by which freezes, thaws and registrations turn back before they take the lock. Who waits for
  // these milliseconds is to be told that it is closed: another closer, a wait, a call that asks for the members.
  int left = 50;
  return isOwned_ ? removeDirectory(path_, mount_, left) : 0;
}

}  // namespace freeze_state

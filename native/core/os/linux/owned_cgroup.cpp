#include "owned_cgroup.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <vector>

#include "../../deadline.h"
#include "../../process_token.h"
#include "../cgroup_location.h"
#include "../file_descriptor.h"
#include "thread_states.h"

namespace freeze_state::owned_cgroup {

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

/// Locks the file for as long as its open file description lives. By fcntl_locking(2), which seccomp filters allow,
/// since no program does without fcntl(2). And by flock(2), which some filters deny, but which earlier builds ask to
/// see whether the owner lives. Returns as `lock` does.
int tryLock(int fd, const char*& call) noexcept {
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

/// Thaws the groups in `parent` whose owners have died, and removes those that are empty. Such an emulator was killed
/// together with its guardian, or its members outlived it. The lock on cgroup.freeze says whether the owner lives, in
/// any pid namespace.
void sweep(const std::string& parent, const cgroup::Mount& mount) {
  std::vector<std::string> groups;
  cgroup::groupsBelow(parent, groups);
  for (const std::string& path : groups) {
    if (!isOfState(path)) continue;
    const FileDescriptor freeze(::open((path + "/cgroup.freeze").c_str(), O_RDWR | O_CLOEXEC));
    const char* call = nullptr;
    if (!freeze.isOpen() || tryLock(freeze.get(), call) != 0) continue;
    char isFrozen = '0';
    if (pread(freeze.get(), &isFrozen, 1, 0) == 1 && isFrozen == '1') cgroup::write(path, "cgroup.freeze", "0");
    std::string events;
    int noWait = 0;
    if (cgroup::read(path, "cgroup.events", events) == 0 && !cgroup::eventOf(events, "populated").value_or(true))
      remove(path, mount, noWait);
  }
}

}  // namespace

Failures make(const std::string& parent, const cgroup::Mount& mount, const Open& open) {
  sweep(parent, mount);
  // States that are made at the same moment sweep each other's groups; on a loaded machine a few tries are soon lost.
  constexpr int kTries = 100;
  for (int tries = 1;; ++tries) {
    const std::string owned = parent + "/" + newName();
    // Until it is locked, no other user can open its files, and lock them first.
    constexpr mode_t kUnlockedMode = 0700;
    constexpr mode_t kMode = 0755;
    if (mkdir(owned.c_str(), kUnlockedMode) != 0) return {cgroup::failureOf(errno, "mkdir", parent)};
    // Whatever the umask(2) of the program is: without these we could not open its files.
    chmod(owned.c_str(), kUnlockedMode);
    Failures failures = cgroup::whyUnfit(owned, mount);
    const bool isFit = failures.empty();
    if (isFit) failures = open(owned);
    if (failures.empty()) {
      chmod(owned.c_str(), kMode);
      return {};
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
    if (!wasSwept || wasLocked || tries == kTries) return failures;
  }
}

int lock(int fd, const char*& call) noexcept {
  constexpr std::chrono::seconds kPatience{1};
  constexpr timespec kMillisecond{0, 1'000'000};
  const auto end = Clock::now() + kPatience;
  // The kernel's own wait would last for as long as any process that may open the file likes.
  int error = tryLock(fd, call);
  while (error == EAGAIN && Clock::now() < end) {
    nanosleep(&kMillisecond, nullptr);
    error = tryLock(fd, call);
  }
  return error;
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the hierarchy is
int remove(const std::string& path, const cgroup::Mount& mount, int& left) {
  std::vector<std::string> groups;
  cgroup::groupsBelow(path, groups);
  for (const std::string& below : groups) remove(below, mount, left);
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

}  // namespace freeze_state::owned_cgroup

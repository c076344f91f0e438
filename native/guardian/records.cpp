#include "records.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "list.h"
#include "system.h"

namespace freeze_state::guardian {

using ledger::CgroupSlot;
using ledger::ProcessSlot;

namespace {

struct Kept {
  std::uint64_t inode;  ///< of the directory
  int file;             ///< its cgroup.freeze; -1 where the group has been removed
};

List<Kept> kept;

/// The file that is kept for the group with this inode; -1 where none is.
int keptFor(std::uint64_t inode) {
  for (const Kept& one : kept) {
    if (one.file >= 0 && one.inode == inode) return one.file;
  }
  return -1;
}

/// Calls `visit` with the numbers after that one, and with the smallest, until it returns true; not with all 4,194,304
/// that there may be, which takes seconds. The children of a process mostly have the numbers that follow its own, and
/// in a pid namespace few numbers are given. Returns whether it did.
template <typename Visit>
bool anyNumberNear(int first, Visit visit) {
  constexpr int kTries = 1 << 16;
  for (int i = 1; i <= kTries; ++i) {
    if (visit(first + i)) return true;
  }
  for (int pid = 2; pid < std::min(first, kTries); ++pid) {
    if (visit(pid)) return true;
  }
  return false;
}

/// Whether a process is in the recorded group and session. No process has the number of the group itself. That number
/// cannot have been reused while the group has any process, so the group is the recorded one if its session is.
bool hasGroupMember(const ProcessSlot& slot) {
  const auto isMember = [&](int pid) {
    ProcessStat now;
    return readStat(pid, now) && now.group == slot.number && now.session == slot.session;
  };
  if (isProcOurs()) return anyProcess(isMember);
  // Nothing lists the processes.
  const auto isFound = [&](int pid) { return getpgid(pid) == slot.number && getsid(pid) == slot.session; };
  return kill(-slot.number, 0) == 0 && anyNumberNear(slot.number, isFound);
}

/// By number where there are no pidfds, or a filter of the emulator, which we have inherited, denies to signal by them.
void signalProcess(const ProcessSlot& slot, int fd, int signal) {
  if (fd >= 0 && (signalPidfd(fd, signal) || errno == ESRCH)) return;
  kill(slot.number, signal);
}

/// Signals by the leader's pidfd where the kernel can, so that no other group is hit.
void signalGroup(const ProcessSlot& slot, int fd, int signal) {
  if (fd >= 0 && (signalPidfd(fd, signal, kProcessGroup) || errno == ESRCH)) return;
  kill(-slot.number, signal);
}

bool writeText(int file, const char* text) { return pwrite(file, text, std::strlen(text), 0) > 0; }

}  // namespace

void touchMemory() {
  // More than what the functions of a thaw have on the stack.
  constexpr std::size_t kStack = 32768;
  [[maybe_unused]] volatile char stack[kStack];  // NOLINT(modernize-avoid-c-arrays)
  constexpr std::size_t kPage = 4096;
  for (std::size_t i = 0; i < kStack; i += kPage) stack[i] = 1;
  explicit_bzero(buffer<ProcessSlot>.bytes.data(), buffer<ProcessSlot>.bytes.size());
  explicit_bzero(buffer<CgroupSlot>.bytes.data(), buffer<CgroupSlot>.bytes.size());
}

bool readLedger(void* into, std::size_t size, std::size_t offset) {
  return pread(ledger::kLedgerFd, into, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

bool readHeader(ledger::Header& header) {
  return readLedger(&header, sizeof header, 0) && header.version == ledger::kVersion;
}

bool isRecorded(const ProcessSlot& slot, int fd) {
  if (fd >= 0 && slot.inode != 0) return inodeOf(fd) == slot.inode;
  ProcessStat now;
  return slot.startTime != 0 && readStat(slot.number, now) && now.startTime == slot.startTime;
}

bool hasNoProcess(int number) { return kill(number, 0) != 0 && errno == ESRCH; }

void signalRecorded(const ProcessSlot& slot, int signal) {
  const int fd = openPidfd(slot.number);
  if (isRecorded(slot, fd))
    slot.kind == ProcessSlot::Kind::Group ? signalGroup(slot, fd, signal) : signalProcess(slot, fd, signal);
  if (fd >= 0) close(fd);
}

void signalLeaderless(const ProcessSlot& slot, int signal) {
  if (slot.kind == ProcessSlot::Kind::Group && hasNoProcess(slot.number) && hasGroupMember(slot))
    kill(-slot.number, signal);
}

int openRecorded(const CgroupSlot& slot) {
  constexpr auto kCgroup2 = 0x63677270;  // CGROUP2_SUPER_MAGIC, <linux/magic.h>
  const int fd = open(slot.path.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return fd;
  struct stat status{};
  struct statfs system{};
  const bool isRecorded =
      fstat(fd, &status) == 0 && status.st_ino == slot.inode && fstatfs(fd, &system) == 0 && system.f_type == kCgroup2;
  if (isRecorded) return fd;
  close(fd);
  return -1;
}

bool writeFile(int directory, const char* name, const char* text) {
  const int file = openat(directory, name, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool isWritten = writeText(file, text);
  close(file);
  return isWritten;
}

void keepFreezeFiles() {
  for (Kept& one : kept) {
    char isFrozen = 0;
    if (one.file >= 0 && pread(one.file, &isFrozen, 1, 0) < 0) close(std::exchange(one.file, -1));
  }
  forEachCgroup([](const CgroupSlot& slot) {
    const int directory = keptFor(slot.inode) < 0 ? openRecorded(slot) : -1;
    if (directory < 0) return;
    const int file = openat(directory, "cgroup.freeze", O_RDWR | O_CLOEXEC);
    close(directory);
    if (file >= 0 && !kept.add({slot.inode, file})) close(file);
  });
}

void writeFreeze(const CgroupSlot& slot, const char* text) {
  // The file that was kept may be of a group that is gone, whose inode this one has by now.
  if (const int file = keptFor(slot.inode); file >= 0 && writeText(file, text)) return;
  // Nothing can be done where this fails as well.
  const int directory = openRecorded(slot);
  if (directory < 0) return;
  writeFile(directory, "cgroup.freeze", text);
  close(directory);
}

}  // namespace freeze_state::guardian

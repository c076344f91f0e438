#include "thaw.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "../core/os/linux/ledger_layout.h"
#include "system.h"

namespace freeze_state::guardian {

namespace {

using ledger::CgroupSlot;
using ledger::Header;
using ledger::ProcessSlot;

/// Reads that much of the ledger; false where it is not there. Not by a mapping: a file that shrinks would end us.
bool readLedger(void* into, std::size_t size, std::size_t offset) {
  return pread(ledger::kLedgerFd, into, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

/// Whether the process that has the number, and of which `fd` is a pidfd if there are any, is the recorded one.
bool isRecorded(const ProcessSlot& slot, int fd) {
  if (fd >= 0 && slot.inode != 0) return inodeOf(fd) == slot.inode;
  ProcessStat now;
  return slot.startTime != 0 && readStat(slot.number, now) && now.startTime == slot.startTime;
}

/// Whether a process is in the recorded group and session. No process has the number of the group itself. That number
/// cannot have been reused while the group has any process, so the group is the recorded one if its session is.
bool hasGroupMember(const ProcessSlot& slot) {
  return anyProcess([&](int pid) {
    ProcessStat now;
    return readStat(pid, now) && now.group == slot.number && now.session == slot.session;
  });
}

/// Of a process group whose leader was reaped.
bool hasNobody(int number) { return kill(number, 0) != 0 && errno == ESRCH; }

void resumeProcess(const ProcessSlot& slot, int fd) {
  if (fd >= 0)
    signalPidfd(fd, SIGCONT);
  else
    kill(slot.number, SIGCONT);
}

/// By its leader's pidfd where the kernel can, so that no other group is hit.
void resumeGroup(const ProcessSlot& slot, int fd) {
  if (fd >= 0 && (signalPidfd(fd, SIGCONT, kProcessGroup) || errno == ESRCH)) return;
  kill(-slot.number, SIGCONT);
}

/// SIGCONT to the process, or to the group that it leads or has led. Where that is not by a pidfd, the number could be
/// reused between the check and the signal.
void resume(const ProcessSlot& slot) {
  const bool isGroup = slot.kind == ProcessSlot::Kind::Group;
  const int fd = openPidfd(slot.number);
  if (isRecorded(slot, fd)) {
    isGroup ? resumeGroup(slot, fd) : resumeProcess(slot, fd);
  } else if (isGroup && hasNobody(slot.number) && hasGroupMember(slot)) {
    kill(-slot.number, SIGCONT);
  }
  if (fd >= 0) close(fd);
}

/// The directory, if it is a control group, and the recorded one; else -1.
int openRecorded(const CgroupSlot& slot) {
  constexpr auto kCgroup2 = 0x63677270;  // CGROUP2_SUPER_MAGIC, <linux/magic.h>
  const int fd = open(slot.path.data(), O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return fd;
  struct stat status{};
  struct statfs system{};
  const bool isRecorded =
      fstat(fd, &status) == 0 && status.st_ino == slot.inode && fstatfs(fd, &system) == 0 && system.f_type == kCgroup2;
  if (isRecorded) return fd;
  close(fd);
  return -1;
}

void thaw(const CgroupSlot& slot) {
  const int directory = openRecorded(slot);
  if (directory < 0) return;
  const int file = openat(directory, "cgroup.freeze", O_WRONLY | O_CLOEXEC);
  if (file >= 0) {
    // Nothing can be done where it fails.
    if (write(file, "0", 1) < 0) errno = 0;
    close(file);
  }
  close(directory);
}

/// Calls with each slot of a table.
template <typename Slot, std::size_t AtOnce, typename Visit>
void forEach(std::uint32_t count, std::size_t offset, Visit visit) {
  // Not on the stack; one thread.
  alignas(Slot) static std::array<std::byte, sizeof(Slot) * AtOnce> buffer;
  for (std::uint32_t done = 0; done < count; done += AtOnce) {
    const std::size_t some = std::min<std::size_t>(count - done, AtOnce);
    if (!readLedger(buffer.data(), some * sizeof(Slot), offset + (done * sizeof(Slot)))) return;
    for (std::size_t i = 0; i < some; ++i) visit(*reinterpret_cast<const Slot*>(&buffer[i * sizeof(Slot)]));
  }
}

template <typename Visit>
void forEachCgroup(Visit visit) {
  Header header{};
  if (!readLedger(&header, sizeof header, 0)) return;
  const std::uint32_t count = std::min(header.cgroups.load(), ledger::kMaxCgroups);
  forEach<CgroupSlot, 4>(count, ledger::kCgroupsAt, [&](const CgroupSlot& slot) {
    if (slot.isUsed.load() != 0 && slot.path.back() == '\0') visit(slot);
  });
}

}  // namespace

void thaw() {
  Header header{};
  if (!readLedger(&header, sizeof header, 0) || header.version != ledger::kVersion) return;
  const std::uint32_t count = std::min(header.processes.load(), ledger::kMaxProcesses);
  forEach<ProcessSlot, 64>(count, ledger::kProcessesAt, [](const ProcessSlot& slot) {
    // A number of 0 or 1 would be a group, or every process.
    if (slot.mark.load() != 0 && slot.kind != ProcessSlot::Kind::Free && slot.number > 1) resume(slot);
  });
  forEachCgroup([](const CgroupSlot& slot) {
    if (slot.mark.load() != 0) thaw(slot);
  });
}

void removeOwnedCgroups() {
  forEachCgroup([](const CgroupSlot& slot) {
    if (slot.isOwned == 0) return;
    const int directory = openRecorded(slot);
    if (directory < 0) return;
    close(directory);
    rmdir(slot.path.data());  // EBUSY where a process is in it
  });
}

}  // namespace freeze_state::guardian

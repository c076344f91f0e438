#include "thaw.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "records.h"
#include "system.h"

namespace freeze_state::guardian {

namespace {

using ledger::CgroupSlot;
using ledger::ProcessSlot;

/// Whether a process is in the recorded group and session. No process has the number of the group itself. That number
/// cannot have been reused while the group has any process, so the group is the recorded one if its session is.
bool hasGroupMember(const ProcessSlot& slot) {
  return anyProcess([&](int pid) {
    ProcessStat now;
    return readStat(pid, now) && now.group == slot.number && now.session == slot.session;
  });
}

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
  } else if (isGroup && hasNoProcess(slot.number) && hasGroupMember(slot)) {
    kill(-slot.number, SIGCONT);
  }
  if (fd >= 0) close(fd);
}

void thaw(const CgroupSlot& slot) {
  const int directory = openRecorded(slot);
  if (directory < 0) return;
  // Nothing can be done where it fails.
  writeFile(directory, "cgroup.freeze", "0");
  close(directory);
}

}  // namespace

void thaw() {
  forEachProcess([](const ProcessSlot& slot) {
    if (slot.mark.load() != 0 && slot.endsWithUs.load() == 0) resume(slot);
  });
  forEachCgroup([](const CgroupSlot& slot) {
    if (slot.mark.load() != 0 && slot.endsWithUs == 0) thaw(slot);
  });
}

void removeOwnedCgroups() {
  forEachCgroup([](const CgroupSlot& slot) {
    if (slot.isOwned == 0) return;
    const int directory = openRecorded(slot);
    if (directory < 0) return;
    close(directory);
    // EBUSY where a process is in it. One that was killed leaves it when it has freed its memory.
    constexpr int kTries = 200;
    constexpr int kPause = 5;
    const int tries = slot.endsWithUs != 0 ? kTries : 1;
    for (int i = 0; i < tries && rmdir(slot.path.data()) != 0 && errno == EBUSY; ++i) poll(nullptr, 0, kPause);
  });
}

}  // namespace freeze_state::guardian

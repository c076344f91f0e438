#include "thaw.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>

#include "records.h"
#include "system.h"

namespace freeze_state::guardian {

namespace {

using ledger::CgroupSlot;
using ledger::ProcessSlot;

/// Whether a process is in the group, or in one below it.
bool isPopulated(int directory) {
  std::array<char, 256> events{};
  const int file = openat(directory, "cgroup.events", O_RDONLY | O_CLOEXEC);
  const ssize_t length = file < 0 ? -1 : read(file, events.data(), events.size() - 1);
  if (file >= 0) close(file);
  return length < 0 || std::strstr(events.data(), "populated 0") == nullptr;
}

/// Finds a group directly below. False where there is none.
bool findBelow(int directory, std::array<char, NAME_MAX + 1>& name) {
  const int self = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool isFound = false;
  Entries entries(self);
  while (!isFound && entries.next()) {
    const std::string_view found = entries.name();
    isFound = entries.isDirectory() && found != "." && found != "..";
    if (isFound) name.at(found.copy(name.data(), name.size() - 1)) = '\0';
  }
  if (self >= 0) close(self);
  return isFound;
}

/// Whether the process that has made the group for a state lives: it locks the file until its end (fcntl_locking(2)).
bool hasOwner(int directory) {
  const int file = openat(directory, "cgroup.freeze", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  struct flock whole{};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  const bool isLocked = fcntl(file, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
  close(file);
  return isLocked;
}

/// Removes the groups below, `levels` levels deep at most, each after those below itself. Returns false where one
/// stays, or where there were more than `left`. The kernel removes no group that has a process. A group that is empty
/// and has an owner stays, since another process may be about to use it for a state.
// NOLINTNEXTLINE(misc-no-recursion)
bool removeBelow(int directory, int levels, int& left) {
  std::array<char, NAME_MAX + 1> name{};
  while (findBelow(directory, name)) {
    if (levels == 0 || left-- == 0) return false;
    const int below = openat(directory, name.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (below < 0) return false;
    const bool isAlone = !hasOwner(below) && removeBelow(below, levels - 1, left);
    close(below);
    if (!isAlone || unlinkat(directory, name.data(), AT_REMOVEDIR) != 0) return false;
  }
  return true;
}

/// Removes the group, with those below it that members have made. False with errno(3) set.
bool remove(const CgroupSlot& slot, int directory) {
  // A hostile member may have made more: then they stay. A level takes some 300 bytes of the stack.
  constexpr int kLevels = 16;
  int left = 10'000;
  // Not while a process is in one of them: it may be about to use another.
  if (!isPopulated(directory)) removeBelow(directory, kLevels, left);
  return rmdir(slot.path.data()) == 0;
}

}  // namespace

void thaw() {
  const auto isMarked = [](const ProcessSlot& slot) { return slot.mark.load() != 0 && slot.endsWithUs.load() == 0; };
  forEachProcess([&](const ProcessSlot& slot) {
    if (isMarked(slot)) signalRecorded(slot, SIGCONT);
  });
  forEachCgroup([](const CgroupSlot& slot) {
    if (slot.mark.load() != 0 && slot.endsWithUs == 0) writeFreeze(slot, "0");
  });
  // After all others, which are not to wait for a search.
  forEachProcess([&](const ProcessSlot& slot) {
    if (isMarked(slot)) signalLeaderless(slot, SIGCONT);
  });
}

void removeOwnedCgroups() {
  forEachCgroup([](const CgroupSlot& slot) {
    if (slot.isOwned == 0) return;
    const int directory = openRecorded(slot);
    if (directory < 0) return;
    // EBUSY where a process is in it. One that was killed leaves it when it has freed its memory.
    constexpr int kTries = 200;
    constexpr int kPause = 5;
    const int tries = slot.endsWithUs != 0 ? kTries : 1;
    for (int i = 0; i < tries && !remove(slot, directory) && errno == EBUSY; ++i) poll(nullptr, 0, kPause);
    close(directory);
  });
}

}  // namespace freeze_state::guardian

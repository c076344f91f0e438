// How nothing escapes: a process that is killed leaves its children to init, and then nothing tells whose they were. So
// all are stopped first, round by round, until a round over /proc finds no other one; a process that has been sent
// SIGSTOP forks no more (the kernel looks for signals while it makes a child). Only then are they killed. A process
// that was missed all the same, since its parent had exited, is found by its environment. All of this needs a /proc of
// our own pid namespace.
#include "end.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "list.h"
#include "records.h"
#include "system.h"

namespace freeze_state::guardian {

namespace {

using ledger::CgroupSlot;
using ledger::ProcessSlot;

struct Seen {
  int pid;
  ProcessStat stat;
  bool isOurs;
};

/// Pid and start time together name a process, since a pid may be reused.
struct Known {
  int pid;
  std::uint64_t startTime;
};

using Tag = decltype(ledger::TagSlot::tag);

/// Whether the variable for tags has this one, in an environment as /proc shows it.
bool hasTag(std::string_view environment, std::string_view tag) {
  const std::string_view name = ledger::kTagVariable;
  while (!environment.empty()) {
    const std::size_t length = std::min(environment.find('\0'), environment.size());
    std::string_view tags = environment.substr(0, length);
    environment.remove_prefix(std::min(length + 1, environment.size()));
    if (!tags.starts_with(name) || tags.substr(name.size(), 1) != "=") continue;
    tags.remove_prefix(name.size() + 1);
    while (!tags.empty()) {
      const std::size_t end = std::min(tags.find(' '), tags.size());
      if (tags.substr(0, end) == tag) return true;
      tags.remove_prefix(std::min(end + 1, tags.size()));
    }
  }
  return false;
}

/// Calls `visit` with the pids in a control group and in the groups below it, of which there are few.
// NOLINTBEGIN(misc-no-recursion)
template <typename Visit>
void forEachInside(int directory, Visit& visit) {
  const int copy = openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC);
  if (FILE* const file = copy < 0 ? nullptr : fdopen(copy, "r"); file != nullptr) {
    std::array<char, 32> line{};
    while (std::fgets(line.data(), line.size(), file) != nullptr) {
      // The kernel writes 0 for a process of another pid namespace.
      if (const int pid = static_cast<int>(std::strtol(line.data(), nullptr, 10)); pid > 1) visit(pid);
    }
    std::fclose(file);
  }
  const int self = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const entries = self < 0 ? nullptr : fdopendir(self);
  if (entries == nullptr) return;
  while (const dirent* const entry = readdir(entries)) {
    const std::string_view name = entry->d_name;
    if (entry->d_type != DT_DIR || name == "." || name == "..") continue;
    const int below = openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (below < 0) continue;
    forEachInside(below, visit);
    close(below);
  }
  closedir(entries);
}
// NOLINTEND(misc-no-recursion)

/// Whether we are in it, or in one below. A foreign process may have moved us there: by its freeze or its end as a
/// whole we would stop, or end, before our work is done.
bool holdsUs(int directory) {
  bool isInside = false;
  const auto visit = [&](int pid) { isInside = isInside || pid == getpid(); };
  forEachInside(directory, visit);
  return isInside;
}

/// Whether the session tells a group without its leader from a later one with that number. It is 0 for each process
/// whose session was begun outside of our pid namespace.
bool isSessionKnown(const ProcessSlot& slot) { return slot.session != 0; }

class Ending {
 public:
  explicit Ending(int emulator) : emulator_(emulator) {
    forEachTag([&](const auto& tag) { tags_.add(tag); });
  }

  void run() {
    // Without it, too, all in the group are stopped one by one.
    forEachEnding([](const CgroupSlot& group) {
      const int directory = openRecorded(group);
      if (directory < 0 || !holdsUs(directory)) writeFreeze(group, "1");
      if (directory >= 0) close(directory);
    });
    if (!isProcOurs()) killRecorded();
    // A tree that forks and exits faster than it is read may never be found as a whole.
    constexpr int kMostRounds = 200;
    for (int round = 0; round < kMostRounds; ++round) {
      bool isAnyNew = false;
      while (round < kMostRounds && stopNew()) {
        isAnyNew = true;
        ++round;
      }
      if (!isAnyNew && round > 0) break;
      // One write ends the whole group, from Linux 5.14 on.
      forEachEnding([](const CgroupSlot& group) {
        const int directory = openRecorded(group);
        if (directory < 0) return;
        if (!holdsUs(directory)) writeFile(directory, "cgroup.kill", "1");
        close(directory);
      });
      for (const Known& one : known_) send(one, SIGKILL);
    }
    // What we may not kill runs on.
    forEachEnding([](const CgroupSlot& group) { writeFreeze(group, "0"); });
  }

 private:
  /// Where nothing lists what the recorded processes have started: so they are killed without a stop before it.
  static void killRecorded() {
    forEachProcess([](const ProcessSlot& slot) {
      if (slot.endsWithUs.load() == 0) return;
      signalRecorded(slot, SIGKILL);
      if (isSessionKnown(slot)) signalLeaderless(slot, SIGKILL);
    });
  }

  /// Calls `visit` with each control group that is to end.
  template <typename Visit>
  static void forEachEnding(Visit visit) {
    forEachCgroup([&](const CgroupSlot& slot) {
      if (slot.endsWithUs != 0) visit(slot);
    });
  }

  /// One round: stops what is new. Returns whether anything was.
  bool stopNew() {
    find();
    bool isAny = false;
    for (const Seen& one : seen_) {
      if (!one.isOurs || isKnown(one) || !known_.add({one.pid, one.stat.startTime})) continue;
      isAny = true;
      send({one.pid, one.stat.startTime}, SIGSTOP);
    }
    return isAny;
  }

  void find() {
    seen_.clear();
    anyProcess([&](int pid) {
      Seen one{.pid = pid, .stat = {}, .isOurs = false};
      if (pid > 1 && pid != emulator_ && pid != getpid() && readStat(pid, one.stat)) seen_.add(one);
      return false;
    });
    std::ranges::sort(seen_, {}, &Seen::pid);
    for (Seen& one : seen_) one.isOurs = isKnown(one);
    findRecorded();
    findInCgroups();
    findByTags();
    while (findChildren()) {
    }
  }

  Seen* get(int pid) {
    Seen* const at = std::ranges::lower_bound(seen_, pid, {}, &Seen::pid);
    return at != seen_.end() && at->pid == pid ? at : nullptr;
  }

  bool isKnown(const Seen& one) {
    return std::ranges::any_of(
        known_, [&](const Known& known) { return known.pid == one.pid && known.startTime == one.stat.startTime; });
  }

  void findRecorded() {
    forEachProcess([&](const ProcessSlot& slot) {
      if (slot.endsWithUs.load() == 0) return;
      const int fd = openPidfd(slot.number);
      const bool isLeader = isRecorded(slot, fd);
      if (fd >= 0) close(fd);
      if (slot.kind == ProcessSlot::Kind::Process) {
        Seen* const one = isLeader ? get(slot.number) : nullptr;
        if (one != nullptr) one->isOurs = true;
        return;
      }
      // As for a thaw: the group's leader is the recorded one, or was reaped.
      if (!isLeader && !(isSessionKnown(slot) && hasNoProcess(slot.number))) return;
      for (Seen& one : seen_)
        one.isOurs = one.isOurs || (one.stat.group == slot.number && one.stat.session == slot.session);
    });
  }

  /// The process with that pid in the group is the one that was seen, if the start time before and after is the same.
  void findInCgroups() {
    forEachCgroup([&](const CgroupSlot& slot) {
      if (slot.endsWithUs == 0) return;
      const int directory = openRecorded(slot);
      if (directory < 0) return;
      const auto visit = [&](int pid) {
        ProcessStat now;
        Seen* const one = get(pid);
        if (one != nullptr && readStat(pid, now) && now.startTime == one->stat.startTime) one->isOurs = true;
      };
      forEachInside(directory, visit);
      close(directory);
    });
  }

  void findByTags() {
    for (Seen& one : seen_) {
      if (one.isOurs || tags_.size() == 0) continue;
      const std::size_t length = readEnvironment(one.pid, environment().data(), environment().size());
      one.isOurs = std::ranges::any_of(
          tags_, [&](const Tag& tag) { return hasTag({environment().data(), length}, tag.data()); });
    }
  }

  bool findChildren() {
    bool isAny = false;
    for (Seen& one : seen_) {
      if (one.isOurs) continue;
      const Seen* const parent = get(one.stat.parent);
      one.isOurs = parent != nullptr && parent->isOurs;
      isAny = isAny || one.isOurs;
    }
    return isAny;
  }

  /// Sends the signal if the pid still is the process's.
  static void send(const Known& to, int signal) {
    const int fd = openPidfd(to.pid);
    ProcessStat now;
    // Read after the pidfd was opened, so that the pidfd is this process's.
    // By number also where a filter of the emulator, which we have inherited, denies to signal by pidfds.
    if (readStat(to.pid, now) && now.startTime == to.startTime &&
        (fd < 0 || (!signalPidfd(fd, signal) && errno != ESRCH)))
      kill(to.pid, signal);
    if (fd >= 0) close(fd);
  }

  /// Room for more than what execve(2) takes by default.
  static std::array<char, 4U << 20>& environment() {
    static std::array<char, 4U << 20> buffer;
    return buffer;
  }

  const int emulator_;
  List<Tag> tags_;
  List<Seen> seen_;    ///< what /proc shows in this round, by their pids
  List<Known> known_;  ///< what has been stopped
};

bool isAnyToEnd() {
  bool isAny = false;
  forEachTag([&](const auto&) { isAny = true; });
  forEachProcess([&](const ProcessSlot& slot) { isAny = isAny || slot.endsWithUs.load() != 0; });
  forEachCgroup([&](const CgroupSlot& slot) { isAny = isAny || slot.endsWithUs != 0; });
  return isAny;
}

}  // namespace

bool end(int emulator) {
  if (!isAnyToEnd()) return false;
  Ending(emulator).run();
  return true;
}

}  // namespace freeze_state::guardian

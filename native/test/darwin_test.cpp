// What core/os/darwin makes of the answers of libproc. Here these are made of /proc, so that real processes are frozen
// by that code; it has not run on macOS.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "../core/modes/process.h"
#include "../core/modes/process_group.h"
#include "../core/modes/tree.h"
#include "../core/os/darwin/group_control.h"
#include "../core/os/darwin/process_info.h"
#include "../core/os/darwin/process_table.h"
#include "../core/os/darwin/unique_id_control.h"
#include "../core/state/freeze_state.h"
#include "support/child.h"
#include "support/confirming.h"
#include "support/describe.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

/// As if the number of this process had been given to another one since.
Pid reused = 0;

std::uint64_t idOf(Pid pid, const ProcessEntry& entry) {
  return (entry.startTime << 32U) + static_cast<std::uint64_t>(pid) + (pid == reused ? std::uint64_t{1} << 31U : 0);
}

template <typename Value>
void put(void* buffer, std::size_t offset, Value value) {
  std::memcpy(static_cast<char*>(buffer) + offset, &value, sizeof value);
}

}  // namespace

/// sys/proc_info.h has the flavors, the offsets and the values.
extern "C" int proc_pidinfo(int pid, int flavor, std::uint64_t arg, void* buffer, int size) {
  ProcessEntry entry;
  if (const int error = systemTable().read(pid, entry); error != 0 || (entry.hasExited() && arg == 0)) {
    errno = error == 0 ? ESRCH : error;
    return 0;
  }
  std::memset(buffer, 0, static_cast<std::size_t>(size));
  if (flavor == 17 && size >= 56) {
    put(buffer, 16, idOf(pid, entry));
    return 56;
  }
  if (flavor != 13 || size < 64) {
    errno = EINVAL;
    return 0;
  }
  put(buffer, 0, pid);
  put(buffer, 4, entry.parent);
  put(buffer, 8, entry.group);
  put(buffer, 12, entry.hasExited() ? 5 : entry.state == 'T' ? 4 : 2);
  std::memcpy(static_cast<char*>(buffer) + 16, "0123456789abcdef", 16);
  return 64;
}

extern "C" int proc_listpids(std::uint32_t type, std::uint32_t of, void* buffer, int size) {
  std::vector<std::pair<std::uint64_t, Pid>> found;
  const auto walk = systemTable().walk();
  for (Pid pid = 0; walk->next(pid);) {
    ProcessEntry entry;
    const bool isThere = systemTable().read(pid, entry) == 0;
    const bool isAsked = type == 1 || (type == 2 && static_cast<std::uint32_t>(entry.group) == of) ||
                         (type == 6 && static_cast<std::uint32_t>(entry.parent) == of);
    if (isThere && isAsked) found.emplace_back(idOf(pid, entry), pid);
  }
  std::ranges::sort(found, std::greater());
  const std::size_t count = std::min(found.size(), static_cast<std::size_t>(size) / sizeof(Pid));
  for (std::size_t i = 0; i < count; ++i) put(buffer, i * sizeof(Pid), found[i].second);
  // Processes that end during the walk set it, and it tells an error from an empty list.
  errno = 0;
  return static_cast<int>(count * sizeof(Pid));
}

/// Each session has a number on macOS. On Linux one that began outside of our pid namespace has none, as that of tests
/// which a container's tool starts.
extern "C" pid_t getsid(pid_t pid) noexcept {
  const auto session = static_cast<pid_t>(syscall(SYS_getsid, pid));
  return session == 0 ? 1 : session;
}

namespace {

UniqueIdControl control;
DarwinProcessTable table;

/// A child that has started others, one after the other; all end with the test.
class Family {
 public:
  explicit Family(int children)
      : parent_([children] {
          const Pid parent = getpid();
          for (int i = 0; i < children; ++i) {
            if (fork() != 0) continue;
            dieWith(parent);
            for (;;) pause();
          }
        }) {
    REQUIRE(waitUntil([&] { return childrenNow().size() == static_cast<std::size_t>(children); }));
  }

  Pid pid() const { return parent_.pid(); }
  std::vector<Pid> childrenNow() const {
    std::vector<Pid> found;
    const auto reader = table.children();
    CHECK(reader->beginPass({}) == 0);
    CHECK(reader->read(pid(), found, {}) == 0);
    return found;
  }

 private:
  Child parent_;
};

/// kill(2) of macOS refuses a group that has only zombies left, where Linux takes the signal.
class RefusingZombies final : public DarwinGroupControl {
 public:
  RefusingZombies() noexcept : DarwinGroupControl(control) {}
  /// As if no process of the group might be signalled.
  bool isForbidden = false;

 private:
  int killGroup(Pid group, int signal) const noexcept override {
    std::vector<Pid> processes;
    CHECK(process_info::listGroup(group, processes) == 0);
    const auto isZombie = [](Pid pid) { return table.probe(pid) == ProcessState::Zombie; };
    if (isForbidden || (!processes.empty() && std::ranges::all_of(processes, isZombie))) return EPERM;
    return DarwinGroupControl::killGroup(group, signal);
  }
};

/// A group of a leader and one more process, and a control that holds it.
struct LedGroup {
  LedGroup() {
    REQUIRE(setpgid(leader.pid(), leader.pid()) == 0);
    REQUIRE(setpgid(other.pid(), leader.pid()) == 0);
    REQUIRE(describe(groups.open(leader.pid(), held)).empty());
  }

  Child leader;
  Child other;
  RefusingZombies groups;
  Process held;
};

constexpr Pid kNobody = 2'147'483'647;

}  // namespace

TEST_SUITE("darwin") {
  TEST_CASE("a process is followed from its start until it is reaped") {
    Child child;
    HeldProcess held(control, child.pid());
    REQUIRE(held.isHeld());
    Process& process = held.process();
    CHECK_FALSE(process.hasExited);
    CHECK(control.probe(process) == ProcessState::Running);
    CHECK(control.send(process, Signal::Stop) == 0);
    CHECK(waitUntil([&] { return control.probe(process) == ProcessState::Stopped; }));
    CHECK(table.probe(child.pid()) == ProcessState::Stopped);
    CHECK(control.send(process, Signal::Continue) == 0);
    CHECK(child.comesToRun());
    child.kill();
    REQUIRE(waitUntil([&] { return control.probe(process) == ProcessState::Zombie; }));
    CHECK(control.send(process, Signal::Stop) == ESRCH);
    CHECK(HeldProcess(control, child.pid()).process().hasExited);
    CHECK(control.checkExited(process));
    child.reap();
    CHECK(control.probe(process) == ProcessState::Gone);
    CHECK(HeldProcess(control, kNobody).process().hasExited);
  }

  TEST_CASE("G7: a process that was given the pid of a member is not signalled") {
    const Child child;
    HeldProcess held(control, child.pid());
    reused = child.pid();
    CHECK(control.send(held.process(), Signal::Stop) == ESRCH);
    CHECK(control.probe(held.process()) == ProcessState::Gone);
    CHECK(control.checkExited(held.process()));
    CHECK(child.runs());
    reused = 0;
  }

  TEST_CASE("the table tells the parent, the group and the name, and lists all processes") {
    const Child child(Sleep{});
    ProcessEntry entry;
    REQUIRE(table.read(child.pid(), entry) == 0);
    CHECK(entry.parent == getpid());
    CHECK(entry.group == child.pid());
    CHECK(table.groupOf(child.pid()) == child.pid());
    CHECK(table.describe(child.pid()).name == "0123456789abcde");
    CHECK(table.read(kNobody, entry) == ESRCH);
    CHECK(table.groupOf(kNobody) == 0);
    std::vector<Pid> all;
    const auto walk = table.walk();
    for (Pid pid = 0; walk->next(pid);) all.push_back(pid);
    CHECK(walk->error() == 0);
    CHECK(std::ranges::count(all, child.pid()) == 1);
    CHECK(std::ranges::count(all, getpid()) == 1);
    CHECK(isAncestor(table, getpid(), child.pid()));
    CHECK_FALSE(isAncestor(table, child.pid(), getpid()));
  }

  TEST_CASE("the children of a process come with the newest last, however many there are") {
    const Family family(300);
    const std::vector<Pid> children = family.childrenNow();
    CHECK(children.size() == 300);
    std::vector<std::uint64_t> ids;
    for (const Pid pid : children) {
      ProcessEntry entry;
      REQUIRE(table.read(pid, entry) == 0);
      ids.push_back(entry.startTime);
    }
    CHECK(std::ranges::is_sorted(ids));
    std::vector<Pid> none;
    CHECK(table.children()->read(kNobody, none, {}) == ESRCH);
    CHECK(none.empty());
  }

  TEST_CASE("a group outlives its leader: it takes signals, and is gone with its last process, also a zombie") {
    LedGroup group;
    auto& [leader, other, groups, held] = group;
    CHECK(groups.send(held, Signal::Stop) == 0);
    CHECK(leader.comesToStop());
    CHECK(other.comesToStop());
    leader.kill();
    CHECK(groups.check(held) == 0);
    leader.reap();
    CHECK(groups.probe(held) == ProcessState::Unknown);
    CHECK(groups.send(held, Signal::Continue) == 0);
    CHECK(other.comesToRun());
    other.kill();
    CHECK(groups.send(held, Signal::Stop) == ESRCH);
    CHECK(groups.check(held) == ESRCH);
    CHECK(groups.checkExited(held));
    other.reap();
    CHECK(groups.check(held) == ESRCH);
  }

  TEST_CASE("a group whose processes may not be signalled is not gone") {
    LedGroup group;
    group.groups.isForbidden = true;
    CHECK(group.groups.send(group.held, Signal::Stop) == EPERM);
    CHECK(group.groups.check(group.held) == 0);
    group.leader.kill();
    CHECK(group.groups.send(group.held, Signal::Stop) == EPERM);
    CHECK_FALSE(group.groups.checkExited(group.held));
  }

  TEST_CASE("G7: a group whose number another process was given is sent nothing") {
    LedGroup group;
    auto& [leader, other, groups, held] = group;
    reused = leader.pid();
    CHECK(groups.send(held, Signal::Stop) == ESRCH);
    CHECK(groups.check(held) == ESRCH);
    CHECK(groups.checkExited(held));
    CHECK(leader.runs());
    CHECK(other.runs());
    reused = 0;
  }

  TEST_CASE("G7: a group without a leader is sent nothing where it is of another session") {
    LedGroup group;
    auto& [leader, other, groups, held] = group;
    leader.kill();
    leader.reap();
    // This is how the opened group looks if it was empty in between, and a foreign group has the number now.
    Process emptied = held;
    ++emptied.session;
    CHECK(groups.send(emptied, Signal::Stop) == ESRCH);
    CHECK(groups.checkExited(emptied));
    CHECK(other.runs());
    CHECK_FALSE(groups.checkExited(held));
    CHECK(groups.send(held, Signal::Stop) == 0);
    CHECK(other.comesToStop());
  }

  TEST_CASE("mode process-group confirms that each process of a group has stopped") {
    LedGroup group;
    const auto state = std::make_shared<FreezeState>(
        Mode::ProcessGroup, std::make_unique<ProcessGroupFreezer>(LoopOptions{}, group.groups, table));
    CHECK(state->registerPid(group.leader.pid()).empty());
    Confirmation confirmation(state, 0, nullptr);
    CHECK(waitUntil([&] { return stepFor(confirmation).stage == Stage::Stopped; }));
    CHECK(describe(confirmation.report()) == std::to_string(group.leader.pid()));
    CHECK(table.probe(group.leader.pid()) == ProcessState::Stopped);
    CHECK(table.probe(group.other.pid()) == ProcessState::Stopped);
    CHECK(state->unfreeze().empty());
    CHECK(group.leader.comesToRun());
    CHECK(group.other.comesToRun());
  }

  TEST_CASE("mode process-group thaws a group that was killed while it was frozen, before it is reaped") {
    LedGroup group;
    FreezeState state(Mode::ProcessGroup, std::make_unique<ProcessGroupFreezer>(LoopOptions{}, group.groups, table));
    CHECK(state.registerPid(group.leader.pid()).empty());
    CHECK(state.freezeAtEpoch(0).frozen);
    group.leader.kill();
    group.other.kill();
    CHECK(describe(state.unfreeze()).empty());
    CHECK_FALSE(word::isFrozen(state.word()));
  }

  TEST_CASE("mode process-tree freezes and thaws a process with its children") {
    const Family family(3);
    const std::vector<Pid> children = family.childrenNow();
    FreezeState state(Mode::ProcessTree, std::make_unique<TreeFreezer>(LoopOptions{}, control, table));
    CHECK(state.registerPid(family.pid()).empty());
    const auto result = state.freezeAtEpoch(0);
    CHECK(describe(result.failures) == "");
    REQUIRE(result.frozen);
    CHECK(table.probe(family.pid()) == ProcessState::Stopped);
    for (const Pid child : children) CHECK(table.probe(child) == ProcessState::Stopped);
    CHECK(state.unfreeze().empty());
    CHECK(waitUntil([&] { return table.probe(family.pid()) == ProcessState::Running; }));
    for (const Pid child : children) CHECK(waitUntil([&] { return table.probe(child) == ProcessState::Running; }));
  }

  TEST_CASE("mode process confirms the stop of a process that is not a child") {
    const Family family(1);
    const Pid grandchild = family.childrenNow().front();
    FreezeState state(Mode::Process, std::make_unique<ProcessFreezer>(LoopOptions{}, control));
    CHECK(state.registerPid(grandchild).empty());
    CHECK(state.freezeAtEpoch(0).frozen);
    CHECK(waitUntil([&] { return table.probe(grandchild) == ProcessState::Stopped; }));
    CHECK(state.unfreeze().empty());
  }
}

}  // namespace freeze_state::test

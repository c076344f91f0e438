// What core/os/darwin makes of the answers of libproc. Here these are made of /proc, so that real processes are frozen
// by that code; it has not run on macOS.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "../core/modes/process.h"
#include "../core/modes/tree.h"
#include "../core/os/darwin/process_table.h"
#include "../core/os/darwin/unique_id_control.h"
#include "../core/state/freeze_state.h"
#include "support/child.h"
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
    if (isThere && (type == 1 || (type == 6 && static_cast<std::uint32_t>(entry.parent) == of)))
      found.emplace_back(idOf(pid, entry), pid);
  }
  std::ranges::sort(found, std::greater());
  const std::size_t count = std::min(found.size(), static_cast<std::size_t>(size) / sizeof(Pid));
  for (std::size_t i = 0; i < count; ++i) put(buffer, i * sizeof(Pid), found[i].second);
  // Processes that end during the walk set it, and it tells an error from an empty list.
  errno = 0;
  return static_cast<int>(count * sizeof(Pid));
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

  TEST_CASE("mode process-tree freezes and thaws a process with its children") {
    const Family family(3);
    const std::vector<Pid> children = family.childrenNow();
    FreezeState state(Mode::ProcessTree, std::make_unique<TreeFreezer>(LoopOptions{}, control, table));
    CHECK(state.registerPid(family.pid()).empty());
    CHECK(state.freezeAtEpoch(0).frozen);
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

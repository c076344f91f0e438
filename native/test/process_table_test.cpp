#include "../core/os/linux/process_table.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <vector>

#include "../core/modes/tree.h"
#include "../core/state/freeze_state.h"
#include "support/child.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

/// A child that has children, of its first thread; all end with the test.
class Parent {
 public:
  explicit Parent(int children) {
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    const Pid tests = getpid();
    pid_ = fork();
    if (pid_ == 0) {
      dieWith(tests);
      const Pid parent = getpid();
      for (int i = 0; i < children; ++i) {
        const Pid child = fork();
        if (child == 0) {
          dieWith(parent);
          for (;;) pause();
        }
        static_cast<void>(!write(ends[1], &child, sizeof child));
      }
      for (;;) pause();
    }
    for (int i = 0; i < children; ++i) {
      Pid child = 0;
      REQUIRE(read(ends[0], &child, sizeof child) == sizeof child);
      children_.push_back(child);
    }
    close(ends[0]);
    close(ends[1]);
  }
  Parent(const Parent&) = delete;
  Parent& operator=(const Parent&) = delete;
  ~Parent() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  Pid pid() const noexcept { return pid_; }
  const std::vector<Pid>& children() const noexcept { return children_; }

 private:
  Pid pid_ = 0;
  std::vector<Pid> children_;
};

}  // namespace

TEST_SUITE("process table") {
  TEST_CASE("both means find the same children, and the table tells the parent of each") {
    const Parent parent(5);
    for (const auto means : {LinuxProcessTable::Means::ChildrenFiles, LinuxProcessTable::Means::ParentScan}) {
      if (means == LinuxProcessTable::Means::ChildrenFiles && LinuxProcessTable::bestMeans() != means) continue;
      LinuxProcessTable table(means);
      REQUIRE(table.isAvailable());
      const auto reader = table.children();
      REQUIRE(reader->beginPass({}) == 0);
      std::vector<Pid> found;
      CHECK(reader->read(parent.pid(), found, {}) == 0);
      std::ranges::sort(found);
      std::vector<Pid> expected = parent.children();
      std::ranges::sort(expected);
      CHECK(found == expected);
      ProcessEntry entry;
      CHECK(table.read(parent.children().front(), entry) == 0);
      CHECK(entry.parent == parent.pid());
      CHECK(entry.state != 'T');
      constexpr Pid kNobody = 2'147'483'647;
      CHECK(reader->read(kNobody, found, {}) == ESRCH);
    }
  }

  TEST_CASE("G6: by both means, a question that is cancelled ends with the thread or process that it is at") {
    constexpr int kThreads = 40;
    const Child child(kThreads);
    const std::atomic<std::uint64_t> word{1};
    const Ticket stale(word, 0);
    std::vector<Pid> found;
    LinuxProcessTable files(LinuxProcessTable::Means::ChildrenFiles);
    ProcessEntry entry;
    REQUIRE(waitUntil([&] { return files.read(child.pid(), entry) == 0 && entry.threads >= kThreads; }));
    if (LinuxProcessTable::bestMeans() == LinuxProcessTable::Means::ChildrenFiles)
      CHECK(files.children()->read(child.pid(), found, {&stale}) == std::nullopt);
    LinuxProcessTable parents(LinuxProcessTable::Means::ParentScan);
    CHECK(parents.children()->beginPass({&stale}) == std::nullopt);
  }

// The thread sanitizer makes a vfork(2) a fork(2).
#ifndef __SANITIZE_THREAD__
  TEST_CASE("by both means, a process that waits in vfork(2) is frozen with its child") {
    for (const auto means : {LinuxProcessTable::Means::ChildrenFiles, LinuxProcessTable::Means::ParentScan}) {
      if (means == LinuxProcessTable::Means::ChildrenFiles && LinuxProcessTable::bestMeans() != means) continue;
      const Pid tests = getpid();
      const Pid pid = fork();
      REQUIRE(pid >= 0);
      if (pid == 0) {
        dieWith(tests);
        // NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): its wait is what the test is about
        if (vfork() == 0) {
          prctl(PR_SET_PDEATHSIG, SIGKILL);
          for (;;) pause();
        }
        _exit(1);
      }
      LinuxProcessTable table(means);
      std::vector<Pid> children;
      const auto bears = [&] {
        children.clear();
        const auto reader = table.children();
        return reader->beginPass({}) == 0 && reader->read(pid, children, {}) == 0 && !children.empty();
      };
      REQUIRE(waitUntil(bears));
      {
        FreezeState state(Mode::ProcessTree, std::make_unique<TreeFreezer>(LoopOptions{}, systemControl(), table));
        CHECK(state.registerPid(pid).empty());
        CHECK(state.freezeAtEpoch(0).frozen);
        CHECK(probe(systemControl(), children.front()) == ProcessState::Stopped);
      }
      kill(children.front(), SIGKILL);
      waitpid(pid, nullptr, 0);
    }
  }
#endif

  TEST_CASE("without children files a tree is frozen by scans of /proc") {
    const Parent parent(3);
    LinuxProcessTable table(LinuxProcessTable::Means::ParentScan);
    FreezeState state(Mode::ProcessTree, std::make_unique<TreeFreezer>(LoopOptions{}, systemControl(), table));
    CHECK(state.registerPid(parent.pid()).empty());
    CHECK(state.freezeAtEpoch(0).frozen);
    const auto stateOf = [](Pid pid) { return probe(systemControl(), pid); };
    for (const Pid child : parent.children()) CHECK(stateOf(child) == ProcessState::Stopped);
    CHECK(state.unfreeze().empty());
    for (const Pid child : parent.children()) CHECK(stateOf(child) != ProcessState::Stopped);
  }
}

}  // namespace freeze_state::test

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "../core/modes/tree.h"
#include "../core/os/linux/pidfd_control.h"
#include "../core/os/linux/process_files.h"
#include "../core/os/linux/process_table.h"
#include "../core/state/freeze_state.h"
#include "support/child.h"
#include "support/confirming.h"
#include "support/controls.h"
#include "support/descriptors.h"
#include "support/tasks.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

constexpr std::size_t kChildren = 3;
constexpr int kThreads = 20;

/// A process with three children. Each of these has `threads` threads.
class KeptFamily {
 public:
  explicit KeptFamily(int threads = 1)
      : root_([threads] {
          const Pid self = getpid();
          // So that they are reaped.
          ::signal(SIGCHLD, SIG_IGN);
          for (std::size_t i = 0; i < kChildren; ++i) {
            if (fork() != 0) continue;
            dieWith(self);
            for (int others = threads - 1; others > 0; --others) std::thread([] { pause(); }).detach();
            for (;;) pause();
          }
        }) {
    CHECK(waitUntil([&] {
      const std::vector<Pid> all = children();
      // The thread sanitizer has given the first process one more thread, and gives each of its forks one a moment
      // later.
      const std::size_t each = threadsOf(pid()).size() + static_cast<std::size_t>(threads) - 1;
      return all.size() == kChildren &&
             std::ranges::all_of(all, [&](Pid pid) { return threadsOf(pid).size() == each; });
    }));
  }

  Pid pid() const noexcept { return root_.pid(); }
  std::vector<Pid> children() const {
    std::vector<Pid> pids;
    CHECK(LinuxProcessTable(LinuxProcessTable::bestMeans()).children()->read(pid(), pids, {}) == 0);
    return pids;
  }
  /// How many files are kept: two for each thread. A sanitizer may have given each process one more thread.
  std::size_t files() const {
    std::size_t threads = threadsOf(pid()).size();
    for (const Pid child : children()) threads += threadsOf(child).size();
    return 2 * threads;
  }

 private:
  Child root_;
};

/// Counts how often a process was opened anew, and notes which were sent SIGSTOP.
class CountingControl final : public PidfdControl {
 public:
  std::size_t opens = 0;
  std::set<Pid> stopped;
  Failures open(Pid pid, Process& process) noexcept override {
    ++opens;
    return PidfdControl::open(pid, process);
  }
  int send(const Process& process, Signal signal) noexcept override {
    if (signal == Signal::Stop) stopped.insert(process.pid);
    return PidfdControl::send(process, signal);
  }
};

struct Tree {
  explicit Tree(const KeptFamily& family) { CHECK(state->registerPid(family.pid()).empty()); }
  void freezeAndThaw() const {
    CHECK(state->freezeAtEpoch(word::epochOf(state->word())).frozen);
    CHECK(state->unfreeze().empty());
  }

  CountingControl control;
  LinuxProcessTable table{LinuxProcessTable::bestMeans()};
  const std::shared_ptr<FreezeState> state = std::make_shared<FreezeState>(
      Mode::ProcessTree, std::make_unique<TreeFreezer>(LoopOptions{.boost = false}, control, table));
};

}  // namespace

TEST_SUITE("kept descendants") {
  TEST_CASE("the pidfds and files of descendants stay open from one freeze to the next, and close with the state") {
    if (!isUsable<PidfdControl>()) return;
    const KeptFamily family;
    const std::size_t before = openDescriptors();
    {
      const Tree tree(family);
      CHECK(openDescriptors() == before + 1);
      tree.freezeAndThaw();
      CHECK(tree.control.opens == kChildren + 1);
      // The files of the member are kept, too, but its pidfd counts as the member's own.
      CHECK(kept_descriptors::count() == family.files() + kChildren);
      CHECK(openDescriptors() == before + 1 + kept_descriptors::count());
      tree.freezeAndThaw();
      CHECK(tree.control.opens == kChildren + 1);
      CHECK(openDescriptors() == before + 1 + kept_descriptors::count());
      // What was closed is opened anew.
      CHECK(kept_descriptors::reclaim() == family.files() + kChildren);
      CHECK(kept_descriptors::count() == 0);
      CHECK(openDescriptors() == before + 1);
      tree.freezeAndThaw();
      CHECK(tree.control.opens == (2 * kChildren) + 1);
      // Descendants that are frozen need their pidfds.
      CHECK(tree.state->freezeAtEpoch(3).frozen);
      CHECK(kept_descriptors::reclaim() == family.files());
      CHECK(tree.state->unfreeze().empty());
      CHECK(kept_descriptors::count() == kChildren);
    }
    CHECK(openDescriptors() == before);
    CHECK(kept_descriptors::count() == 0);
  }

  TEST_CASE("what was kept of a descendant that has exited is closed") {
    if (!isUsable<PidfdControl>()) return;
    const KeptFamily family;
    const Tree tree(family);
    tree.freezeAndThaw();
    const Pid first = family.children().front();
    ::kill(first, SIGKILL);
    REQUIRE(waitUntil([&] { return ::kill(first, 0) != 0; }));
    tree.freezeAndThaw();
    CHECK(kept_descriptors::count() == family.files() + kChildren - 1);
  }

  TEST_CASE("what is kept may be closed by another thread at any moment of a freeze and a thaw") {
    if (!isUsable<PidfdControl>()) return;
    const KeptFamily family;
    const Tree tree(family);
    std::atomic<bool> isOver = false;
    std::atomic<std::size_t> closed = 0;
    std::thread other([&] {
      while (!isOver) {
        closed += kept_descriptors::reclaim();
        std::this_thread::yield();
      }
    });
    constexpr std::size_t kEnough = 200;
    CHECK(waitUntil([&] {
      tree.freezeAndThaw();
      return closed > kEnough;
    }));
    isOver = true;
    other.join();
    kept_descriptors::reclaim();
    CHECK(kept_descriptors::count() == 0);
  }

  TEST_CASE("a thaw that cuts a walk short leaves what is kept of those that it has not met") {
    if (!isUsable<PidfdControl>()) return;
    const KeptFamily family;
    Tree tree(family);
    tree.freezeAndThaw();
    const std::size_t kept = kept_descriptors::count();
    CHECK(kept == family.files() + kChildren);
    tree.control.stopped.clear();
    Confirmation confirmation(tree.state, word::epochOf(tree.state->word()), nullptr);
    // The root, and one of its children.
    while (tree.control.stopped.size() < 2) REQUIRE(confirmation.step(kOver).stage == Stage::Freezing);
    CHECK(tree.state->unfreeze().empty());
    CHECK(kept_descriptors::count() == kept);
  }

  TEST_CASE("an inspection between any two steps of a confirmation disturbs neither") {
    if (!isUsable<PidfdControl>()) return;
    const KeptFamily family(kThreads);
    const Tree tree(family);
    for (std::uint64_t epoch = 0; epoch < 2; ++epoch) {
      Confirmation confirmation(tree.state, epoch, nullptr);
      Stage stage = Stage::Freezing;
      const bool isStopped = waitUntil([&] {
        stage = confirmation.step(kOver).stage;
        const auto seen = tree.state->inspect();
        CHECK(seen.has_value());
        return stage != Stage::Freezing && stage != Stage::Stopping;
      });
      REQUIRE(isStopped);
      CHECK(stage == Stage::Stopped);
      const auto seen = tree.state->inspect().value_or(std::vector<MemberStatus>());
      CHECK(seen.size() == kChildren + 1);
      for (const MemberStatus& status : seen) CHECK(status.state == ProcessState::Stopped);
      CHECK(kept_descriptors::count() >= family.files());
      CHECK(tree.state->unfreeze().empty());
    }
  }
}

}  // namespace freeze_state::test

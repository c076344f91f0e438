#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <set>
#include <thread>

#include "support/confirming.h"
#include "support/scripted_tree.h"
#include "support/wait_until.h"

namespace freeze_state::test {

TEST_SUITE("a confirmation of a tree") {
  TEST_CASE("a step in a tree is one signal, or one probe, or one process that is asked for its children") {
    ScriptedTree tree;
    int asked = 0;
    tree.table.onChildren = [&](Pid) { ++asked; };
    Confirmation confirmation(tree.state, 0, nullptr);
    std::size_t signals = 0;
    for (int steps = 0; confirmation.step(kOver).stage == Stage::Freezing; ++steps) {
      REQUIRE(steps < 1000);
      const std::size_t now = tree.script.count(Signal::Stop);
      CHECK(now - signals + static_cast<std::size_t>(asked) <= 2);
      signals = now;
      asked = 0;
    }
    CHECK(tree.script.log() == "stop 101, stop 202, stop 201, stop 301");
    CHECK(tree.state->word() == word::frozen(0));
    CHECK(confirmation.step(kNoDeadline).stage == Stage::Stopped);
    CHECK(describe(confirmation.report()) == "101, 202, 201, 301");
  }

  TEST_CASE("G1: a thaw between any two steps leaves nothing stopped and nothing held") {
    for (int steps = 1;; ++steps) {
      ScriptedTree tree;
      Confirmation confirmation(tree.state, 0, nullptr);
      bool isOver = false;
      for (int step = 0; step < steps && !isOver; ++step) isOver = confirmation.step(kOver).stage != Stage::Freezing;
      tree.state->unfreeze();
      CHECK(tree.script.stoppedCount() == 0);
      CHECK(tree.script.held() == std::multiset<Pid>{101});
      CHECK(confirmation.step(kOver).stage == Stage::Passed);
      if (isOver) break;
      // And at the next epoch it is begun anew.
      Confirmation next(tree.state, 1, nullptr);
      CHECK(finish(next).stage != Stage::Passed);
      CHECK(tree.script.stoppedCount() == 4);
    }
  }

  TEST_CASE("a process that does not stop is waited for, whichever confirmation takes the steps") {
    ScriptedTree tree;
    tree.script.stuck(201);
    Confirmation confirmation(tree.state, 0, nullptr);
    CHECK(stepFor(confirmation).stage == Stage::Freezing);
    for (int probes = 0; probes < 5; ++probes) {
      // On a busy machine a step may be over before it has begun.
      CHECK(waitUntil([&] {
        const auto progress = stepFor(confirmation);
        CHECK(progress.stage == Stage::Freezing);
        return progress.step.kind == Step::Kind::Blocked;
      }));
    }
    CHECK(tree.script.pauses() == 0);
    tree.table.bear(201, 302);
    tree.script.stuck(201, false);
    CHECK(finish(confirmation, kNoDeadline).stage == Stage::Stopped);
    CHECK(tree.script.isStopped(302));
  }

  TEST_CASE("between two looks at what has not stopped, a step lets others have the state's lock") {
    ScriptedTree tree;
    tree.script.stuck(201);
    std::atomic<bool> isWaiting = false;
    std::atomic<bool> hadLock = false;
    std::thread other([&] {
      waitUntil([&] { return isWaiting.load(); });
      tree.state->pids();
      hadLock = true;
    });
    const std::function<void()> look = [&] {
      isWaiting = true;
      if (hadLock) tree.script.stuck(201, false);
      tree.script.onProbe(look);
    };
    tree.script.onProbe(look);
    Confirmation confirmation(tree.state, 0, nullptr);
    CHECK(stepFor(confirmation, std::chrono::seconds(10)).stage == Stage::Stopped);
    other.join();
  }

  TEST_CASE("a probe that the deadline cut short is continued at once, and does not count as blocked") {
    ScriptedTree tree;
    constexpr int kProbes = 3;
    for (const Pid pid : {101, 201}) tree.script.cutShort(pid, kProbes);
    Confirmation confirmation(tree.state, 0, nullptr);
    int waits = 0;
    for (Confirmation::Progress progress; progress.stage != Stage::Stopped;) {
      progress = confirmation.step(kOver);
      REQUIRE(progress.stage != Stage::Passed);
      if (progress.step.kind == Step::Kind::Blocked) ++waits;
      if (progress.stage == Stage::Stopping) progress = confirmation.step(kNoDeadline);
    }
    CHECK(waits == 0);
  }

  TEST_CASE("a freeze by another call continues its steps to the end") {
    ScriptedTree tree;
    Confirmation confirmation(tree.state, 0, nullptr);
    for (int step = 0; step < 6; ++step) confirmation.step(kOver);
    CHECK(tree.state->word() == word::running(0));
    CHECK(tree.state->freezeAtEpoch(0).frozen);
    CHECK(tree.script.stoppedCount() == 4);
    CHECK(tree.script.log() == "stop 101, stop 202, stop 201, stop 301");
  }
}

}  // namespace freeze_state::test

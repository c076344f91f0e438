// A freeze of a tree that was frozen before. tree_walk.h has why it lists nothing before the closing pass where the
// tree is as it was.
#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "../core/state/confirmation.h"
#include "support/confirming.h"
#include "support/describe.h"
#include "support/meanwhile.h"
#include "support/scripted_tree.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

/// One that was frozen and thawed once.
struct FrozenOnce : ScriptedTree {
  explicit FrozenOnce(bool isKeeping = true) {
    script.isKeeping = isKeeping;
    CHECK(freeze() == "frozen");
    thaw();
    asked.clear();
    table.onChildren = [this](Pid pid) { ++asked[pid]; };
  }
  std::string freeze() { return describe(state->freezeAtEpoch(word::epochOf(state->word()))); }
  void thaw() {
    CHECK(state->unfreeze().empty());
    CHECK(script.stoppedCount() == 0);
    script.log();
  }
  void exits(Pid pid) {
    std::erase(table.childrenOf[table.parents[pid]], pid);
    script.exited(pid);
  }

  std::map<Pid, int> asked;  ///< for their children, since the first thaw
};

using TimesAsked = std::map<Pid, int>;

}  // namespace

TEST_SUITE("a tree that is frozen again") {
  TEST_CASE("where it is as it was, each process is signalled first, and asked for its children once") {
    FrozenOnce tree;
    CHECK(tree.freeze() == "frozen");
    CHECK(tree.script.log() == "stop 101, stop 202, stop 201, stop 301");
    CHECK(tree.asked == TimesAsked{{101, 1}, {201, 1}, {202, 1}, {301, 1}});
    tree.thaw();
    CHECK(tree.freeze() == "frozen");
    CHECK(tree.asked == TimesAsked{{101, 2}, {201, 2}, {202, 2}, {301, 2}});
  }

  TEST_CASE("G2: a process that was born since is found by the closing pass, with what is below it") {
    FrozenOnce tree;
    tree.table.bear(202, 302);
    tree.table.bear(302, 401);
    CHECK(tree.freeze() == "frozen");
    for (const Pid pid : {101, 201, 202, 301, 302, 401}) CHECK(tree.script.isStopped(pid));
    tree.thaw();
    tree.asked.clear();
    CHECK(tree.freeze() == "frozen");
    CHECK(tree.asked == TimesAsked{{101, 1}, {201, 1}, {202, 1}, {301, 1}, {302, 1}, {401, 1}});
  }

  TEST_CASE("G7: a process that has left the tree since is sent nothing, and neither is what is below it") {
    FrozenOnce tree;
    tree.table.give(201, 1);
    CHECK(tree.freeze() == "frozen");
    CHECK(tree.script.log() == "stop 101, stop 202");
    CHECK(tree.script.held() == std::multiset<Pid>{101, 202});
  }

  TEST_CASE("a process that has moved within the tree is found there") {
    FrozenOnce tree;
    tree.table.give(201, 202);
    CHECK(tree.freeze() == "frozen");
    for (const Pid pid : {101, 201, 202, 301}) CHECK(tree.script.isStopped(pid));
  }

  TEST_CASE("a process that has exited since is not looked for") {
    FrozenOnce tree;
    tree.exits(202);
    CHECK(tree.freeze() == "frozen");
    CHECK(tree.script.log() == "stop 101, stop 201, stop 301");
    CHECK(tree.asked == TimesAsked{{101, 1}, {201, 1}, {301, 1}});
  }

  TEST_CASE("a process that has exited with its parent is not looked for either") {
    FrozenOnce tree;
    tree.exits(301);
    tree.exits(201);
    CHECK(tree.freeze() == "frozen");
    CHECK(tree.asked == TimesAsked{{101, 1}, {202, 1}});
  }

  TEST_CASE("while a process takes long to stop, the trees are searched for what was born since") {
    FrozenOnce tree;
    tree.table.bear(101, 203);
    tree.script.seenAs(101, ProcessState::Running);
    Confirmation confirmation(tree.state, word::epochOf(tree.state->word()), nullptr);
    CHECK(waitUntil([&] {
      CHECK(confirmation.step(kOver).stage == Stage::Freezing);
      return tree.script.isStopped(203) && tree.asked[203] > 0;
    }));
    CHECK(tree.asked == TimesAsked{{101, 1}, {201, 1}, {202, 1}, {203, 1}, {301, 1}});
    tree.script.seenAs(101, ProcessState::Stopped);
    CHECK(waitUntil([&] { return confirmation.step(kOver).stage == Stage::Stopped; }));
  }

  TEST_CASE("the time that it takes to look at all of them does not count as a wait for one that stops late") {
    FrozenOnce tree;
    int looks = 0;
    // Each takes as long as a look at the threads of a runtime.
    std::function<void()> look = [&] {
      const auto end = Clock::now() + std::chrono::microseconds(80);
      while (Clock::now() < end) continue;
      if (++looks == 5) tree.script.seenAs(101, ProcessState::Stopped);
      tree.script.onProbe(look);
    };
    tree.script.onProbe(look);
    tree.script.seenAs(101, ProcessState::Running);
    CHECK(tree.freeze() == "frozen");
    CHECK(looks == 5);
    CHECK(tree.asked == TimesAsked{{101, 1}, {201, 1}, {202, 1}, {301, 1}});
  }

  TEST_CASE("where one process of several was not kept, all are signalled before any is waited for") {
    FrozenOnce tree;
    for (const Pid pid : {203, 204}) tree.table.bear(101, pid);
    CHECK(tree.freeze() == "frozen");
    tree.thaw();
    tree.script.closeKept(201);
    std::size_t stopped = 0;
    tree.script.onProbe([&] { stopped = tree.script.stoppedCount(); });
    CHECK(tree.freeze() == "frozen");
    CHECK(stopped == 6);
  }

  TEST_CASE("a member that descends from another member is found, and what has joined that tree") {
    FrozenOnce tree;
    CHECK(tree.state->registerPid(201).empty());
    for (const Pid born : {401, 402}) {
      tree.asked.clear();
      CHECK(tree.freeze() == "frozen");
      for (const Pid pid : {101, 201, 202, 301}) CHECK(tree.script.isStopped(pid));
      tree.thaw();
      tree.table.bear(301, born);
    }
    CHECK(tree.freeze() == "frozen");
    CHECK((tree.script.isStopped(401) && tree.script.isStopped(402)));
  }

  TEST_CASE("what a thaw could not continue is known to the next freeze") {
    FrozenOnce tree;
    CHECK(tree.freeze() == "frozen");
    tree.script.answer(201, Signal::Continue, EPERM);
    CHECK(describe(tree.state->unfreeze()) == "PermissionDenied 201 EPERM (stopped)");
    tree.script.log();
    tree.asked.clear();
    CHECK(tree.freeze() == "frozen");
    for (const Pid pid : {101, 201, 202, 301}) CHECK(tree.script.isStopped(pid));
    tree.script.answer(201, Signal::Continue, 0);
    tree.thaw();
  }

  TEST_CASE("an orphan is found where it is, and its number in another process is sent nothing") {
    FrozenOnce tree;
    tree.table.give(301, 101);
    tree.exits(201);
    CHECK(tree.freeze() == "frozen");
    CHECK(tree.script.isStopped(301));
    tree.thaw();
    tree.exits(301);
    tree.table.bear(1, 301);
    CHECK(tree.freeze() == "frozen");
    CHECK(tree.script.log() == "stop 101, stop 202");
  }

  TEST_CASE("a process that a foreign process has stopped meanwhile is neither signalled nor continued") {
    FrozenOnce tree;
    tree.table.stopped.insert(202);
    tree.script.stopped(202);
    CHECK(tree.freeze() == "frozen");
    CHECK(tree.script.log() == "stop 101, stop 201, stop 301");
    CHECK(tree.state->unfreeze().empty());
    CHECK(tree.script.isStopped(202));
  }

  TEST_CASE("what a member has below it that was added since is looked for at once") {
    FrozenOnce tree;
    tree.table.bear(102, 203);
    CHECK(tree.state->registerPid(102).empty());
    CHECK(tree.freeze() == "frozen");
    CHECK(tree.script.isStopped(203));
    CHECK(tree.asked == TimesAsked{{101, 2}, {102, 2}, {201, 2}, {202, 2}, {203, 2}, {301, 2}});
  }

  TEST_CASE("where not all was found, or not all stayed open, the tree is searched as at first") {
    for (const bool isKeeping : {true, false}) {
      FrozenOnce tree(isKeeping);
      if (isKeeping) {
        tree.script.answer(301, Signal::Stop, EPERM);
        CHECK(tree.freeze() == "PermissionDenied 301 EPERM");
        CHECK(tree.script.stoppedCount() == 0);
        tree.script.answer(301, Signal::Stop, 0);
        tree.asked.clear();
      }
      CHECK(tree.freeze() == "frozen");
      CHECK(tree.asked == TimesAsked{{101, 2}, {201, 2}, {202, 2}, {301, 2}});
    }
  }

  TEST_CASE("a process that cannot be read any more fails the freeze, and nothing stays stopped") {
    FrozenOnce tree;
    tree.table.errors[301] = EACCES;
    CHECK(tree.freeze() == "Unreadable 301 EACCES");
    CHECK(tree.script.stoppedCount() == 0);
    CHECK(tree.script.held() == std::multiset<Pid>{101});
  }

  TEST_CASE("G6: a thaw ends the freeze between two of the processes that the last one has found") {
    FrozenOnce tree;
    Meanwhile thaw;
    // The root, and one of its children.
    const std::size_t before = tree.script.count(Signal::Stop) + tree.script.count(Signal::Continue);
    tree.script.onSend(before + 2, [&] { CHECK(thaw.move(*tree.state, [&] { tree.state->unfreeze(); })); });
    CHECK_FALSE(tree.state->freezeAtEpoch(word::epochOf(tree.state->word())).frozen);
    thaw.join();
    CHECK(tree.script.log() == "stop 101, stop 202, continue 101, continue 202");
    CHECK(tree.asked.empty());
    CHECK(tree.freeze() == "frozen");
    for (const Pid pid : {101, 201, 202, 301}) CHECK(tree.script.isStopped(pid));
  }
}

}  // namespace freeze_state::test

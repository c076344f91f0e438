#include <doctest/doctest.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "support/confirming.h"
#include "support/describe.h"
#include "support/meanwhile.h"
#include "support/scripted_tree.h"

namespace freeze_state::test {

TEST_SUITE("trees") {
  TEST_CASE("are stopped from the root on, and continued in the same order") {
    ScriptedTree tree;
    CHECK(describe(tree.state->freezeAtEpoch(0)) == "frozen");
    CHECK(tree.script.log() == "stop 101, stop 202, stop 201, stop 301");
    CHECK(describe(tree.state->unfreeze()).empty());
    CHECK(tree.script.log() == "continue 101, continue 202, continue 201, continue 301");
    CHECK(tree.script.held() == std::multiset<Pid>{101});
  }

  TEST_CASE("a child that is born while its parent is being asked is found by a later round") {
    ScriptedTree tree;
    int asked = 0;
    tree.table.onChildren = [&](Pid pid) {
      // Adopted after 101 was asked: by a subreaper, whose child's child exits.
      if (pid == 301 && asked++ == 0) tree.table.bear(101, 203);
    };
    CHECK(tree.state->freezeAtEpoch(0).frozen);
    CHECK(tree.script.isStopped(203));
    tree.state->unfreeze();
    CHECK(tree.script.stoppedCount() == 0);
  }

  TEST_CASE("G7: a child that has another parent by the time it is verified is not signalled") {
    ScriptedTree tree;
    bool isGiven = false;
    tree.table.onRead = [&](Pid pid) {
      if (pid == 202 && !std::exchange(isGiven, true)) tree.table.give(202, 1);
    };
    CHECK(tree.state->freezeAtEpoch(0).frozen);
    CHECK(tree.script.log() == "stop 101, stop 201, stop 301");
  }

  TEST_CASE("G7: a pid that was reused by the time it is verified is not signalled") {
    ScriptedTree tree;
    // The child has exited: what is looked at next is another process, with another parent.
    tree.script.onOpen([&] { tree.table.parents[202] = 7; });
    bool isFirst = true;
    tree.table.onChildren = [&](Pid) {
      if (!std::exchange(isFirst, false)) std::erase(tree.table.childrenOf[101], 202);
    };
    CHECK(tree.state->freezeAtEpoch(0).frozen);
    CHECK(tree.script.log() == "stop 101, stop 201, stop 301");
  }

  TEST_CASE("a zombie on the list of its parent is passed over, for good") {
    ScriptedTree tree;
    tree.script.exited(202);
    CHECK(tree.state->freezeAtEpoch(0).frozen);
    CHECK(tree.script.log() == "stop 101, stop 201, stop 301");
    CHECK(tree.script.held() == std::multiset<Pid>{101, 201, 301});
  }

  TEST_CASE("one that does not stop is waited for, since it may be in fork(2): its child is found") {
    ScriptedTree tree;
    tree.script.stuck(201);
    tree.script.onPause([&] {
      if (tree.script.pauses() < 3) return;
      if (tree.table.childrenOf[201].size() == 1) tree.table.bear(201, 302);
      tree.script.stuck(201, false);
    });
    CHECK(tree.state->freezeAtEpoch(0).frozen);
    CHECK(tree.script.pauses() >= 3);
    CHECK(tree.script.isStopped(302));
  }

  TEST_CASE("a stop that a foreign process takes back before it was seen is sent again") {
    ScriptedTree tree;
    tree.script.onSend(3, [&] { tree.script.continued(202); });
    CHECK(describe(tree.state->freezeAtEpoch(0)) == "frozen");
    CHECK(tree.script.isStopped(202));
    tree.state->unfreeze();
    CHECK(tree.script.stoppedCount() == 0);
  }

  TEST_CASE("a descendant that a foreign process has stopped is not signalled, and stays stopped") {
    ScriptedTree tree;
    tree.table.stopped.insert(202);
    tree.script.stopped(202);
    CHECK(tree.state->freezeAtEpoch(0).frozen);
    tree.state->unfreeze();
    CHECK(tree.script.log() == "stop 101, stop 201, stop 301, continue 101, continue 201, continue 301");
    CHECK(tree.script.isStopped(202));
  }

  TEST_CASE(
      "G1: a descendant that a foreign process had stopped, and continues before it was seen stopped, is ours to "
      "continue") {
    ScriptedTree tree;
    tree.table.stopped.insert(202);
    tree.script.stopped(202);
    tree.script.onSend(2, [&] { tree.script.continued(202); });
    CHECK(tree.state->freezeAtEpoch(0).frozen);
    CHECK(tree.script.isStopped(202));
    tree.state->unfreeze();
    CHECK(tree.script.stoppedCount() == 0);
  }

  TEST_CASE("G5: a child that has the number of a member that is dead is asked for its children") {
    ScriptedTree tree;
    tree.script.absent(201);
    tree.state->registerPid(201);
    tree.script.absent(201, false);
    CHECK(tree.state->freezeAtEpoch(0).frozen);
    CHECK(tree.script.log() == "stop 101, stop 202, stop 201, stop 301");
    CHECK(tree.state->pids() == std::vector<Pid>{101});
    tree.state->unfreeze();
    CHECK(tree.script.stoppedCount() == 0);
  }

  TEST_CASE("one that never stops fails the freeze, and is named") {
    ScriptedTree tree;
    tree.script.stuck(201);
    CHECK(describe(tree.state->freezeAtEpoch(0)).starts_with("NeverStopped 201"));
    CHECK(tree.script.stoppedCount() == 0);
  }

  TEST_CASE("one in vfork(2) is not waited for: its child is, and is stopped") {
    ScriptedTree tree;
    tree.script.stuck(201);
    tree.table.vforked.insert(301);
    CHECK(tree.state->freezeAtEpoch(0).frozen);
    CHECK(tree.script.isStopped(301));
  }

  TEST_CASE("G4: a descendant that refuses fails the freeze, and all are continued") {
    ScriptedTree tree;
    tree.script.answer(301, Signal::Stop, EPERM);
    CHECK(describe(tree.state->freezeAtEpoch(0)) == "PermissionDenied 301 EPERM");
    CHECK(tree.script.stoppedCount() == 0);
    CHECK(tree.script.held() == std::multiset<Pid>{101});
  }

  TEST_CASE("what /proc cannot tell fails the freeze: for want of descriptors, or because it hides the process") {
    for (const auto& [error, expected] :
         {std::pair{EMFILE, "ResourceExhausted 201 EMFILE"}, std::pair{ESRCH, "Unreadable 201 13"},
          std::pair{EACCES, "Unreadable 201 13"}}) {
      ScriptedTree tree;
      tree.table.errors[201] = error;
      CHECK(describe(tree.state->freezeAtEpoch(0)) == expected);
      CHECK(tree.script.stoppedCount() == 0);
      CHECK(tree.script.held() == std::multiset<Pid>{101});
    }
  }

  TEST_CASE("we never stop ourselves, however we came into the tree") {
    ScriptedTree tree;
    tree.table.bear(301, Script::kOwnPid);
    CHECK(describe(tree.state->freezeAtEpoch(0)) == "OwnAncestor 301");
    CHECK(tree.script.stoppedCount() == 0);
    // A process that is our ancestor already is not registered at all.
    CHECK(describe(tree.state->registerPid(201)) == "OwnAncestor 201");
  }

  TEST_CASE("a process is registered although the table shows our ancestors in a circle") {
    // As it may where a pid is reused between two reads.
    ScriptedTree tree;
    tree.table.parents[Script::kOwnPid] = 98;
    tree.table.parents[98] = 97;
    tree.table.parents[97] = 98;
    CHECK(tree.state->registerPid(102).empty());
    CHECK(describe(tree.state->registerPid(97)) == "OwnAncestor 97");
  }

  TEST_CASE("G6: a thaw ends a probe of many threads in the middle, in a freeze and in a confirmation") {
    for (const bool isConfirming : {false, true}) {
      ScriptedTree tree;
      Confirmation confirmation(tree.state, 0, nullptr);
      if (isConfirming) {
        // Stopped by its tracer, so that the freeze is done before it is confirmed.
        tree.script.seenAs(101, ProcessState::Traced);
        while (confirmation.step(kOver).stage == Stage::Freezing) {
        }
        REQUIRE(tree.state->word() == word::frozen(0));
      }
      Meanwhile thaw;
      tree.script.cutShort(101, 1);
      tree.script.onProbe([&] { CHECK(thaw.move(*tree.state, [&] { tree.state->unfreeze(); })); });
      if (isConfirming)
        CHECK(confirmation.step(kNoDeadline).stage == Stage::Passed);
      else
        CHECK_FALSE(tree.state->freezeAtEpoch(0).frozen);
      thaw.join();
      CHECK(tree.script.cutsLeft(101) == 0);
      CHECK(tree.script.stoppedCount() == 0);
    }
  }

  TEST_CASE("G6: a thaw ends the probe of a child whose first thread has exited, which then is not signalled") {
    ScriptedTree tree;
    tree.table.leaderless.insert(202);
    Meanwhile thaw;
    tree.table.onProbe = [&] { CHECK(thaw.move(*tree.state, [&] { tree.state->unfreeze(); })); };
    CHECK_FALSE(tree.state->freezeAtEpoch(0).frozen);
    thaw.join();
    CHECK(tree.script.log() == "stop 101, continue 101");
    CHECK(tree.script.held() == std::multiset<Pid>{101});
  }

  TEST_CASE("G6: a thaw ends a probe of inspect, which is made anew, and ends in spite of more thaws") {
    ScriptedTree tree;
    constexpr int kThaws = 5;
    tree.script.cutShort(101, kThaws);
    std::vector<std::unique_ptr<Meanwhile>> thaws;
    std::function<void()> thaw = [&] {
      if (thaws.size() == kThaws) return;
      thaws.push_back(std::make_unique<Meanwhile>());
      CHECK(thaws.back()->move(*tree.state, [&] { tree.state->unfreeze(); }));
      tree.script.onProbe(thaw);
    };
    tree.script.onProbe(thaw);
    const auto statuses = tree.state->inspect();
    thaws.clear();
    REQUIRE(statuses.has_value());
    CHECK(statuses.value_or(std::vector<MemberStatus>()).front().state == ProcessState::Sleeping);
    // Two of them have ended one; the third probe was made to its end.
    CHECK(tree.script.cutsLeft(101) == kThaws - 2);
  }

  TEST_CASE("G6: a thaw that comes with the nth signal lets no other stop follow") {
    for (std::size_t nth = 1; nth <= 4; ++nth) {
      ScriptedTree tree;
      Meanwhile thaw;
      tree.script.onSend(nth, [&] { CHECK(thaw.move(*tree.state, [&] { tree.state->unfreeze(); })); });
      CHECK(describe(tree.state->freezeAtEpoch(0)) == "not frozen");
      thaw.join();
      CHECK(tree.script.count(Signal::Stop) == nth);
      CHECK(tree.script.stoppedCount() == 0);
    }
  }

  TEST_CASE("a descendant that refuses to be continued is kept, and tried again") {
    ScriptedTree tree;
    tree.state->freezeAtEpoch(0);
    tree.script.answer(301, Signal::Continue, EPERM);
    CHECK(describe(tree.state->unfreeze()) == "PermissionDenied 301 EPERM (stopped)");
    CHECK(tree.script.held() == std::multiset<Pid>{101, 301});
    tree.script.answer(301, Signal::Continue, 0);
    CHECK(describe(tree.state->unfreeze()).empty());
    CHECK(tree.script.held() == std::multiset<Pid>{101});
  }

  TEST_CASE("a member that exits while it is unregistered does not stay as the descendant that its number is now") {
    ScriptedTree tree;
    tree.state->registerPid(201);
    CHECK(tree.state->freezeAtEpoch(0).frozen);
    tree.table.onRead = [&](Pid pid) {
      if (pid == 201) tree.script.exited(201);
    };
    CHECK(tree.state->unregisterPid(201).found);
    tree.table.onRead = nullptr;
    CHECK_FALSE(tree.script.held().contains(201));
  }

  TEST_CASE("unregistering while frozen continues what came with the member, and no more") {
    ScriptedTree tree;
    tree.state->registerPid(201);
    CHECK(tree.state->freezeAtEpoch(0).frozen);
    SUBCASE("of the outer one: the inner one and its child stay stopped") {
      CHECK(tree.state->unregisterPid(101).found);
      CHECK(!tree.script.isStopped(101));
      CHECK(!tree.script.isStopped(202));
      CHECK(tree.script.isStopped(201));
      CHECK(tree.script.isStopped(301));
    }
    SUBCASE("of the inner one: it is a descendant of the outer one still") {
      CHECK(tree.state->unregisterPid(201).found);
      CHECK(tree.script.stoppedCount() == 4);
      CHECK(tree.state->unregisterPid(101).found);
      CHECK(tree.script.stoppedCount() == 0);
    }
    SUBCASE("where a descendant refuses, the member stays registered") {
      tree.script.answer(202, Signal::Continue, EPERM);
      CHECK(describe(tree.state->unregisterPid(101).failures) == "PermissionDenied 202 EPERM (stopped)");
      CHECK(tree.state->pids() == std::vector<Pid>{101, 201});
    }
    tree.state->unfreeze();
    tree.script.answer(202, Signal::Continue, 0);
    tree.state->unfreeze();
    CHECK(tree.script.stoppedCount() == 0);
  }

  TEST_CASE("unregistering continues also the children of a dead process, after another has joined") {
    ScriptedTree tree;
    CHECK(tree.state->freezeAtEpoch(0).frozen);
    tree.script.exited(201);
    CHECK(describe(tree.state->registerPid(102)).empty());
    CHECK(tree.state->unregisterPid(101).found);
    CHECK(!tree.script.isStopped(301));
    CHECK(tree.script.isStopped(102));
    tree.state->unfreeze();
  }

  TEST_CASE("G5: a descendant that a foreign process has stopped, registered while frozen, is stopped by us as well") {
    ScriptedTree tree;
    tree.table.stopped.insert(202);
    tree.script.stopped(202);
    CHECK(describe(tree.state->freezeAtEpoch(0)) == "frozen");
    tree.script.log();
    CHECK(describe(tree.state->registerPid(202)).empty());
    CHECK(tree.script.log() == "stop 202");
    // The foreign process takes its stop back: ours holds. And the thaw takes that back.
    tree.state->unfreeze();
    CHECK_FALSE(tree.script.isStopped(202));
  }

  TEST_CASE("joining while frozen stops the newcomer's tree, or nothing of it") {
    ScriptedTree tree;
    tree.table.bear(102, 401);
    CHECK(tree.state->freezeAtEpoch(0).frozen);
    SUBCASE("all of it") {
      CHECK(describe(tree.state->registerPid(102)).empty());
      CHECK(tree.script.isStopped(401));
    }
    SUBCASE("or nothing") {
      tree.script.answer(401, Signal::Stop, EPERM);
      CHECK(describe(tree.state->registerPid(102)) == "PermissionDenied 401 EPERM");
      CHECK(!tree.script.isStopped(102));
      CHECK(tree.state->pids() == std::vector<Pid>{101});
      CHECK(tree.script.held().count(102) == 0);
    }
    CHECK(tree.script.isStopped(301));
    tree.state->unfreeze();
    CHECK(tree.script.stoppedCount() == 0);
  }

  TEST_CASE("a process that has died and its number given anew joins as a newcomer") {
    ScriptedTree tree;
    CHECK(tree.state->freezeAtEpoch(0).frozen);
    tree.script.exited(301);
    CHECK(describe(tree.state->registerPid(301)).empty());
    // Gone in the script for good; what counts is that no mark was taken over.
    const auto statuses = tree.state->inspect();
    REQUIRE(statuses.has_value());
    for (const MemberStatus& status : statuses.value())
      CHECK((status.pid != 301 || !status.isRegistered || !status.isStoppedByUs));
  }
}

}  // namespace freeze_state::test

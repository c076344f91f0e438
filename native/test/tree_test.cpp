#include <doctest/doctest.h>

#include <cerrno>
#include <set>
#include <utility>
#include <vector>

#include "support/describe.h"
#include "support/scripted_tree.h"

namespace freeze_state::test {

TEST_SUITE("trees") {
  TEST_CASE("trees are stopped from the root on, and continued in the same order") {
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

  TEST_CASE("a process that does not stop is waited for, since it may be in fork(2), and its child is found") {
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

  TEST_CASE("a process that never stops fails the freeze, and is named") {
    ScriptedTree tree;
    tree.script.stuck(201);
    CHECK(describe(tree.state->freezeAtEpoch(0)).starts_with("NeverStopped 201"));
    CHECK(tree.script.stoppedCount() == 0);
  }

  TEST_CASE("a process in vfork(2) is not waited for, and its child is stopped") {
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

  TEST_CASE("a freeze fails where /proc cannot be read, for lack of descriptors or because it hides the process") {
    for (const auto& [error, expected] :
         {std::pair{EMFILE, "ResourceExhausted 201 EMFILE"}, std::pair{ESRCH, "Unreadable 201 EACCES"},
          std::pair{EACCES, "Unreadable 201 EACCES"}}) {
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
}

}  // namespace freeze_state::test

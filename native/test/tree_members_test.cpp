#include <doctest/doctest.h>

#include <cerrno>
#include <vector>

#include "support/describe.h"
#include "support/scripted_tree.h"

namespace freeze_state::test {

TEST_SUITE("members of a tree") {
  TEST_CASE("a member that exits while it is unregistered is not kept as a descendant") {
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
    SUBCASE("of the inner one: it is still a descendant of the outer one") {
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
    // The foreign process takes its stop back, and ours holds. The thaw takes ours back.
    tree.state->unfreeze();
    CHECK_FALSE(tree.script.isStopped(202));
  }

  TEST_CASE("registering while frozen stops the newcomer's tree, or nothing of it") {
    ScriptedTree tree;
    tree.table.bear(102, 401);
    CHECK(tree.state->freezeAtEpoch(0).frozen);
    SUBCASE("all of it is stopped") {
      CHECK(describe(tree.state->registerPid(102)).empty());
      CHECK(tree.script.isStopped(401));
    }
    SUBCASE("a refusal leaves nothing of it stopped") {
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

  TEST_CASE("a process with the number of a dead descendant joins as a newcomer") {
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

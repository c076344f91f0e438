#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "support/confirming.h"
#include "support/describe.h"
#include "support/scripted_groups.h"
#include "support/scripted_tree.h"

namespace freeze_state::test {

namespace {

/// Freezes, or confirms what is frozen, within ten seconds.
Stage confirmAll(Confirmation& confirmation) {
  if (const auto begun = finish(confirmation); begun.stage != Stage::Stopping) return begun.stage;
  return stepFor(confirmation, std::chrono::seconds(10)).stage;
}

/// For a test that does not check the steps.
std::string confirmAnew(const std::shared_ptr<FreezeState>& state) {
  Confirmation confirmation(state, 0, nullptr);
  const Stage stage = confirmAll(confirmation);
  return stage == Stage::Stopped ? describe(confirmation.report()) : "not confirmed";
}

}  // namespace

TEST_SUITE("a confirmation of a freeze that an earlier call has made") {
  TEST_CASE("a member that a foreign process has continued since is stopped again") {
    Four four;
    CHECK(confirmAnew(four.state) == "101, 102, 103, 104");
    four.script.continued(102);
    CHECK(confirmAnew(four.state) == "101, 102, 103, 104");
    CHECK(four.script.isStopped(102));
    four.state->unfreeze();
    CHECK(four.script.stoppedCount() == 0);
  }

  TEST_CASE("a member that was continued and does not stop again is pending, and the confirmation is not done") {
    Four four;
    CHECK(confirmAnew(four.state) == "101, 102, 103, 104");
    four.script.seenAs(103, ProcessState::Running);
    Confirmation again(four.state, 0, nullptr);
    for (int steps = 0; steps < 3; ++steps) CHECK(stepFor(again).stage == Stage::Stopping);
    CHECK(test::describe(again.pending()) == "103");
    CHECK(again.rollBack(Confirmation::Whose::Any).has_value());
    CHECK(four.script.stoppedCount() == 0);
  }

  TEST_CASE("a member that was killed since is reported as gone") {
    Four four;
    CHECK(confirmAnew(four.state) == "101, 102, 103, 104");
    four.script.exited(102);
    CHECK(confirmAnew(four.state) == "101, 102 gone, 103, 104");
  }

  TEST_CASE("a second confirmation makes the first one probe again, and both end") {
    Four four;
    four.script.stuck(104);
    Confirmation first(four.state, 0, nullptr);
    CHECK(finish(first).stage == Stage::Stopping);
    stepFor(first);
    four.script.continued(101);
    Confirmation second(four.state, 0, nullptr);
    second.step(kOver);
    four.script.stuck(104, false);
    CHECK(confirmAll(first) == Stage::Stopped);
    CHECK(four.script.isStopped(101));
    CHECK(confirmAll(second) == Stage::Stopped);
  }

  TEST_CASE("a tracee counts as stopped where a SIGSTOP that was sent again is left over") {
    Four four;
    four.script.seenAs(102, ProcessState::Running);
    Confirmation first(four.state, 0, nullptr);
    while (four.script.count(Signal::Stop) <= 4) stepFor(first);
    four.script.seenAs(102, ProcessState::Traced);
    CHECK(first.step(kNoDeadline).stage == Stage::Stopped);
    CHECK(confirmAnew(four.state) == "101, 102, 103, 104");
  }

  TEST_CASE("in a tree, a descendant that was continued is stopped again, with what it has forked since") {
    ScriptedTree tree;
    CHECK(confirmAnew(tree.state) == "101, 202, 201, 301");
    tree.script.continued(201);
    tree.table.bear(201, 302);
    CHECK(confirmAnew(tree.state) == "101, 202, 201, 301, 302");
    for (const Pid pid : {201, 302}) CHECK(tree.script.isStopped(pid));
    tree.state->unfreeze();
    CHECK(tree.script.stoppedCount() == 0);
    CHECK(tree.script.held() == std::multiset<Pid>{101});
  }

  TEST_CASE("in a tree, a descendant that was killed since is reported as gone") {
    ScriptedTree tree;
    CHECK(confirmAnew(tree.state) == "101, 202, 201, 301");
    tree.script.exited(301);
    CHECK(confirmAnew(tree.state) == "101, 202, 201, 301 gone");
  }

  TEST_CASE("in a tree, a registration, an unregistration and a thaw between any two steps take effect at once") {
    for (int kind = 0; kind < 3; ++kind) {
      for (int steps = 1;; ++steps) {
        ScriptedTree tree;
        tree.state->registerPid(102);
        tree.table.bear(102, 401);
        CHECK(tree.state->freezeAtEpoch(0).frozen);
        Confirmation again(tree.state, 0, nullptr);
        Stage stage = Stage::Stopping;
        for (int step = 0; step < steps && stage == Stage::Stopping; ++step) stage = again.step(kOver).stage;
        const bool isOver = stage != Stage::Stopping;
        REQUIRE(steps < 1000);
        if (kind == 0) CHECK(tree.state->registerPid(103).empty());
        if (kind == 1) CHECK(tree.state->unregisterPid(102).found);
        if (kind == 2) CHECK(tree.state->unfreeze().empty());
        CHECK(confirmAll(again) == (kind == 2 ? Stage::Passed : Stage::Stopped));
        tree.state->unfreeze();
        CHECK(tree.script.stoppedCount() == 0);
        if (isOver) break;
      }
    }
  }

  TEST_CASE("a confirmation fails and all of a tree runs, where it cannot be told any more which processes are in it") {
    ScriptedTree tree;
    CHECK(confirmAnew(tree.state) == "101, 202, 201, 301");
    tree.table.errors[201] = EMFILE;
    Confirmation again(tree.state, 0, nullptr);
    CHECK(describe(again.step(kNoDeadline).step.failures) == "ResourceExhausted 201 EMFILE");
    CHECK(tree.state->word() == word::running(1));
    CHECK(tree.script.stoppedCount() == 0);
  }

  TEST_CASE("a group that was continued is stopped again, and one that was killed is reported as gone") {
    ScriptedGroups groups;
    CHECK(confirmAnew(groups.state) == "101, 201");
    groups.table.rows[103].state = ProcessState::Running;
    groups.exit(201);
    Confirmation again(groups.state, 0, nullptr);
    constexpr int kProbes = 8;
    for (int probes = 0; probes < kProbes; ++probes) stepFor(again);
    CHECK(groups.script.isStopped(103));
    groups.table.rows[103].state = ProcessState::Stopped;
    CHECK(again.step(kNoDeadline).stage == Stage::Stopped);
    CHECK(describe(again.report()) == "101, 201 gone");
  }
}

}  // namespace freeze_state::test

#include <doctest/doctest.h>
#include <unistd.h>

#include <memory>

#include "../core/platform/platform.h"
#include "support/child.h"
#include "support/confirming.h"
#include "support/describe.h"

namespace freeze_state::test {

namespace {

std::shared_ptr<FreezeState> groupState() {
  return std::make_shared<FreezeState>(Mode::ProcessGroup,
                                       makeFreezer(Mode::ProcessGroup, {.boost = false}, {}, OnDeath::Nothing).freezer);
}

}  // namespace

TEST_SUITE("real groups") {
  TEST_CASE("G2: a leader that has moved to another group fails the freeze, and what it left runs") {
    const Child leader;
    const Child other;
    REQUIRE(setpgid(leader.pid(), leader.pid()) == 0);
    REQUIRE(setpgid(other.pid(), leader.pid()) == 0);
    const auto state = groupState();
    CHECK(describe(state->registerPid(leader.pid())).empty());
    REQUIRE(setpgid(leader.pid(), getpgrp()) == 0);
    CHECK(describe(state->freezeAtEpoch(0)) == "NotGroupLeader " + std::to_string(leader.pid()));
    CHECK(leader.runs());
    CHECK(other.runs());
    REQUIRE(setpgid(leader.pid(), leader.pid()) == 0);
    CHECK(describe(state->freezeAtEpoch(0)) == "frozen");
    CHECK(leader.comesToStop());
    CHECK(other.comesToStop());
  }

  // In forks: one that stops itself would never tell.
  TEST_CASE("G7: a group that we have joined since is not stopped") {
    const int code = runInFork([] {
      const Child leader;
      if (setpgid(leader.pid(), leader.pid()) != 0) return 1;
      const auto state = groupState();
      if (!state->registerPid(leader.pid()).empty()) return 2;
      if (setpgid(0, leader.pid()) != 0) return 3;
      if (describe(state->freezeAtEpoch(0)) != "OwnGroup " + std::to_string(leader.pid())) return 4;
      return leader.runs() ? 0 : 5;
    });
    CHECK(code == 0);
  }

  TEST_CASE("G7: we are not stopped where we join a group that is frozen already") {
    const int code = runInFork([] {
      const Child leader;
      if (setpgid(leader.pid(), leader.pid()) != 0) return 1;
      const auto state = groupState();
      if (!state->registerPid(leader.pid()).empty()) return 2;
      if (!state->freezeAtEpoch(0).frozen) return 3;
      if (setpgid(0, leader.pid()) != 0) return 4;
      Confirmation confirmation(state, 0, nullptr);
      constexpr int kSteps = 100;
      auto progress = confirmation.step(kNoDeadline);
      for (int steps = 0; steps < kSteps && progress.stage == Stage::Stopping; ++steps)
        progress = stepFor(confirmation);
      if (progress.stage != Stage::Stopped) return 5;
      return state->unfreeze().empty() && leader.comesToRun() ? 0 : 6;
    });
    CHECK(code == 0);
  }
}

}  // namespace freeze_state::test

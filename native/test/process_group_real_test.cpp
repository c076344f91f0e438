#include <doctest/doctest.h>
#include <unistd.h>

#include <cstddef>
#include <memory>

#include "../core/modes/process_group.h"
#include "../core/os/linux/group_control.h"
#include "../core/os/linux/process_files.h"
#include "../core/os/linux/process_table.h"
#include "../core/os/linux/procfs.h"
#include "../core/platform/platform.h"
#include "support/child.h"
#include "support/confirming.h"
#include "support/controls.h"
#include "support/describe.h"
#include "support/descriptors.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

std::shared_ptr<FreezeState> groupState() {
  return std::make_shared<FreezeState>(Mode::ProcessGroup,
                                       makeFreezer(Mode::ProcessGroup, {.boost = false}, {}, OnDeath::Nothing).freezer);
}

/// Counts for how many processes files were opened anew.
class CountingTable final : public LinuxProcessTable {
 public:
  CountingTable() noexcept : LinuxProcessTable(bestMeans()) {}
  std::size_t news = 0;
  std::shared_ptr<ProcessFiles> filesOf(Pid pid) override {
    ++news;
    return LinuxProcessTable::filesOf(pid);
  }
};

/// Freezes it until all have been seen stopped, and thaws.
bool confirmAndThaw(const std::shared_ptr<FreezeState>& state) {
  Confirmation confirmation(state, word::epochOf(state->word()), nullptr);
  const bool isStopped = waitUntil([&] { return stepFor(confirmation).stage == Stage::Stopped; });
  return isStopped && state->unfreeze().empty();
}

}  // namespace

TEST_SUITE("real groups") {
  TEST_CASE("the files of the processes of a group stay open from one confirmation to the next") {
    if (!isUsable<PidfdControl>() || !procfs::showsAll()) return;
    const Child leader(Sleep{});
    const Child second(Sleep{.group = leader.pid()});
    Child third(Sleep{.group = leader.pid()});
    const std::size_t before = openDescriptors();
    PidfdControl control;
    LinuxGroupControl groups(control);
    CountingTable table;
    const auto state = std::make_shared<FreezeState>(
        Mode::ProcessGroup, std::make_unique<ProcessGroupFreezer>(LoopOptions{.boost = false}, groups, table));
    CHECK(describe(state->registerPid(leader.pid())).empty());
    CHECK(confirmAndThaw(state));
    CHECK(table.news == 3);
    // The leader has a file as a member, besides.
    CHECK(kept_descriptors::count() == 4);
    CHECK(confirmAndThaw(state));
    CHECK(table.news == 3);
    CHECK(kept_descriptors::count() == 4);
    // What was given up is opened again.
    CHECK(kept_descriptors::reclaim() == 4);
    CHECK(confirmAndThaw(state));
    CHECK(kept_descriptors::count() == 4);
    third.kill();
    third.reap();
    CHECK(confirmAndThaw(state));
    CHECK(table.news == 3);
    CHECK(kept_descriptors::count() == 3);
    CHECK(state->unregisterPid(leader.pid()).found);
    CHECK(kept_descriptors::count() == 0);
    CHECK(describe(state->registerPid(leader.pid())).empty());
    CHECK(confirmAndThaw(state));
    CHECK(kept_descriptors::count() == 3);
    CHECK(describe(state->close()).empty());
    CHECK(kept_descriptors::count() == 0);
    CHECK(openDescriptors() == before);
  }

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

  // In forks, since a test that stops itself would never tell.
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

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>

#include "support/child.h"
#include "support/describe.h"
#include "support/process_freezer.h"

namespace freeze_state::test {

TEST_SUITE("real processes") {
  TEST_CASE("G2: real processes are stopped by a freeze and run again after its thaw, time after time") {
    const std::array<Child, 3> children;
    FreezeState state(Mode::Process, processFreezer(systemControl()));
    for (const Child& child : children) CHECK(describe(state.registerPid(child.pid())).empty());
    for (std::uint64_t epoch = 0; epoch < 20; ++epoch) {
      CHECK(describe(state.freezeAtEpoch(epoch)) == "frozen");
      for (const Child& child : children) CHECK(child.comesToStop());
      CHECK(describe(state.unfreeze()).empty());
      for (const Child& child : children) CHECK(child.comesToRun());
    }
  }

  TEST_CASE("a zombie and a reaped process are no error while another member lives, and are dropped") {
    const Child alive;
    Child zombie;
    Child reaped;
    FreezeState state(Mode::Process, processFreezer(systemControl()));
    for (const Pid pid : {zombie.pid(), alive.pid(), reaped.pid()}) state.registerPid(pid);
    zombie.kill();
    reaped.kill();
    reaped.reap();
    CHECK(describe(state.freezeAtEpoch(0)) == "frozen");
    CHECK(alive.comesToStop());
    CHECK(describe(state.pids()) == std::to_string(alive.pid()));
    CHECK(describe(state.unfreeze()).empty());
    CHECK(alive.comesToRun());
  }

  TEST_CASE("where all members have exited, the freeze names each of them") {
    Child zombie;
    Child reaped;
    FreezeState state(Mode::Process, processFreezer(systemControl()));
    state.registerPid(zombie.pid());
    state.registerPid(reaped.pid());
    zombie.kill();
    reaped.kill();
    reaped.reap();
    CHECK(describe(state.freezeAtEpoch(0)) == "ProcessNotFound " + std::to_string(zombie.pid()) +
                                                  " ESRCH, ProcessNotFound " + std::to_string(reaped.pid()) + " ESRCH");
    CHECK_FALSE(word::isFrozen(state.word()));
  }

  TEST_CASE("a member that is killed while it is frozen is forgotten by the thaw") {
    Child killed;
    const Child other;
    FreezeState state(Mode::Process, processFreezer(systemControl()));
    state.registerPid(killed.pid());
    state.registerPid(other.pid());
    CHECK(state.freezeAtEpoch(0).frozen);
    killed.kill();
    CHECK(describe(state.unfreeze()).empty());
    CHECK(describe(state.pids()) == std::to_string(other.pid()));
    CHECK(other.comesToRun());
  }

  TEST_CASE("a process that joins a frozen state is stopped, and one that leaves it runs") {
    const Child first;
    const Child second;
    FreezeState state(Mode::Process, processFreezer(systemControl()));
    state.registerPid(first.pid());
    CHECK(state.freezeAtEpoch(0).frozen);
    CHECK(describe(state.registerPid(second.pid())).empty());
    CHECK(second.comesToStop());
    CHECK(describe(state.unregisterPid(first.pid())) == "found");
    CHECK(first.comesToRun());
    CHECK(second.isStopped());
    CHECK(state.forceUnfreeze());
    CHECK(second.comesToRun());
  }

  TEST_CASE("G7: our own process is refused") {
    FreezeState state(Mode::Process, processFreezer(systemControl()));
    CHECK(describe(state.registerPid(getpid())) == "OwnPid");
  }

  TEST_CASE("a state is thawed where it is closed, and where it is destroyed") {
    const Child child;
    {
      FreezeState state(Mode::Process, processFreezer(systemControl()));
      state.registerPid(child.pid());
      state.freezeAtEpoch(0);
      CHECK(child.comesToStop());
      SUBCASE("it is closed") {
        CHECK(describe(state.close()).empty());
        CHECK(child.comesToRun());
      }
      SUBCASE("it is destroyed") {}
    }
    CHECK(child.comesToRun());
  }

  TEST_CASE("G4: a member that we may not signal fails the freeze, and the others run") {
    if (getuid() != 0) {
      MESSAGE("skipped: only root can become another user");
      return;
    }
    const Child foreign;
    const std::string expected = "PermissionDenied " + std::to_string(foreign.pid()) + " EPERM";
    const int code = runInFork([&] {
      if (!becomeNobody()) return 1;
      const Child own;
      FreezeState state(Mode::Process, processFreezer(systemControl()));
      if (!state.registerPid(own.pid()).empty() || !state.registerPid(foreign.pid()).empty()) return 2;
      if (describe(state.freezeAtEpoch(0)) != expected) return 3;
      if (!own.comesToRun() || foreign.isStopped()) return 4;
      // Without the foreign process the state is frozen, and that process cannot be registered while it is.
      if (!state.unregisterPid(foreign.pid()).found || !state.freezeAtEpoch(0).frozen || !own.comesToStop()) return 5;
      if (describe(state.registerPid(foreign.pid())) != expected) return 6;
      return describe(state.pids()) == std::to_string(own.pid()) ? 0 : 7;
    });
    CHECK(code == 0);
    CHECK(foreign.runs());
  }
}

}  // namespace freeze_state::test

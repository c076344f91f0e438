#include <doctest/doctest.h>

#include <cerrno>

#include "support/describe.h"
#include "support/script.h"

namespace freeze_state::test {

TEST_SUITE("a process that joins while the state is frozen") {
  TEST_CASE("G5: is stopped at once, and thawed with the rest") {
    ScriptedState scripted(1);
    scripted.state.freezeAtEpoch(0);
    scripted.script.log();
    CHECK(describe(scripted.state.registerPid(102)).empty());
    CHECK(scripted.script.log() == "stop 102");
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(scripted.script.log() == "continue 101, continue 102");
  }

  TEST_CASE("is not registered where it refuses, and nothing is held") {
    ScriptedState scripted(1);
    scripted.state.freezeAtEpoch(0);
    scripted.script.answer(102, Signal::Stop, EPERM);
    scripted.script.answer(103, Signal::Stop, EINVAL);
    CHECK(describe(scripted.state.registerPid(102)) == "PermissionDenied 102 EPERM");
    CHECK(describe(scripted.state.registerPid(103)) == "SignalFailed 103 EINVAL");
    CHECK(describe(scripted.state.pids()) == "101");
    CHECK(scripted.script.held() == std::multiset<Pid>{101});
    CHECK(scripted.state.word() == word::frozen(0));
  }

  TEST_CASE("is registered as gone where it exits just then") {
    ScriptedState scripted(1);
    scripted.state.freezeAtEpoch(0);
    scripted.script.log();
    scripted.script.exitedUnseen(102);
    CHECK(describe(scripted.state.registerPid(102)).empty());
    CHECK(scripted.script.log() == "stop 102!");
    CHECK(describe(scripted.state.pids()) == "101 102");
    // Gone is no error of the thaw, and it is dropped there.
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(scripted.script.log() == "continue 101");
    CHECK(describe(scripted.state.pids()) == "101");
  }

  TEST_CASE("is not signalled where it is gone already") {
    ScriptedState scripted(1);
    scripted.state.freezeAtEpoch(0);
    scripted.script.log();
    scripted.script.exited(102);
    scripted.script.absent(103);
    CHECK(describe(scripted.state.registerPid(102)).empty());
    CHECK(describe(scripted.state.registerPid(103)).empty());
    CHECK(scripted.script.log().empty());
  }
}

}  // namespace freeze_state::test

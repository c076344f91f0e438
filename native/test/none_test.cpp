#include <doctest/doctest.h>

#include "support/describe.h"
#include "support/script.h"

namespace freeze_state::test {

TEST_SUITE("mode none") {
  TEST_CASE("mode none counts epochs and has members, and signals nothing") {
    ScriptedState scripted(2, Mode::None);
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "not frozen");
    CHECK(scripted.state.word() == word::running(0));
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(scripted.state.forceUnfreeze());
    CHECK(scripted.state.word() == word::running(2));
    CHECK(describe(scripted.state.registerPid(102)).empty());
    CHECK(describe(scripted.state.pids()) == "101 102");
    CHECK(describe(scripted.state.unregisterPid(101)) == "found");
    CHECK(describe(scripted.state.pids()) == "102");
    CHECK(describe(scripted.state.close()).empty());
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "Closed");
    CHECK(scripted.script.log().empty());
    CHECK(scripted.script.held().empty());
  }

  TEST_CASE("mode none refuses the same pids as the other modes") {
    ScriptedState scripted(0, Mode::None);
    for (const std::int64_t pid : {0, 1}) CHECK(describe(scripted.state.registerPid(pid)) == "PidOutOfRange");
    CHECK(describe(scripted.state.registerPid(kNotAPid)) == "NotAPid");
    CHECK(describe(scripted.state.registerPid(Script::kOwnPid)) == "OwnPid");
  }
}

}  // namespace freeze_state::test

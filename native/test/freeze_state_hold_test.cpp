#include <doctest/doctest.h>

#include <cerrno>

#include "support/counting_listener.h"
#include "support/describe.h"
#include "support/meanwhile.h"
#include "support/script.h"

namespace freeze_state::test {

TEST_SUITE("hold") {
  TEST_CASE("a hold thaws, and keeps every freeze away until the last release") {
    ScriptedState scripted(2);
    FreezeState& state = scripted.state;
    state.freezeAtEpoch(0);
    scripted.script.log();
    CHECK(describe(state.hold()).empty());
    CHECK(scripted.script.log() == "continue 101, continue 102");
    CHECK(state.word() == word::running(1));
    CHECK(describe(state.freezeAtEpoch(1)) == "not frozen");

    CHECK(describe(state.hold()).empty());
    CHECK(describe(state.freezeAtEpoch(2)) == "not frozen");
    state.release();
    CHECK(describe(state.freezeAtEpoch(2)) == "not frozen");
    CHECK(scripted.script.log().empty());
    state.release();
    CHECK(describe(state.freezeAtEpoch(2)) == "frozen");
  }

  TEST_CASE("a hold cancels a freeze in flight, and the freeze after it too") {
    ScriptedState scripted(3);
    Meanwhile meanwhile;
    scripted.script.onSend(2, [&] { CHECK(meanwhile.move(scripted.state, [&] { scripted.state.hold(); })); });
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "not frozen");
    meanwhile.join();
    CHECK(scripted.script.stoppedCount() == 0);
    CHECK(describe(scripted.state.freezeAtEpoch(1)) == "not frozen");
    scripted.state.release();
    CHECK(describe(scripted.state.freezeAtEpoch(1)) == "frozen");
  }

  TEST_CASE("a hold fails as its thaw does, and then nothing is held") {
    ScriptedState scripted(2);
    scripted.state.freezeAtEpoch(0);
    scripted.script.answer(102, Signal::Continue, EPERM);
    CHECK(describe(scripted.state.hold()) == "PermissionDenied 102 EPERM (stopped)");
    CHECK(describe(scripted.state.freezeAtEpoch(1)) == "frozen");
  }

  TEST_CASE("a hold of a closed state is Closed, and a release after closing is harmless") {
    ScriptedState scripted(1);
    CHECK(describe(scripted.state.hold()).empty());
    scripted.state.close();
    CHECK(describe(scripted.state.hold()) == "Closed");
    scripted.state.release();
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "Closed");
  }

  TEST_CASE("the listeners are told of the last release, and of no other") {
    ScriptedState scripted(1);
    FreezeState& state = scripted.state;
    CHECK(describe(state.hold()).empty());
    CHECK(describe(state.hold()).empty());
    CHECK(state.holdCount() == 2);
    CountingListener ear;
    state.addListener(ear);
    state.release();
    CHECK(ear.heard == 0);
    state.release();
    CHECK(ear.heard == 1);
    CHECK(state.holdCount() == 0);
    state.removeListener(ear);
    CHECK(describe(state.hold()).empty());
    state.release();
    CHECK(ear.heard == 1);
  }

  TEST_CASE("a process that joins while the state is held runs on") {
    ScriptedState scripted(0);
    scripted.state.hold();
    CHECK(describe(scripted.state.registerPid(101)).empty());
    CHECK(scripted.script.log().empty());
  }
}

}  // namespace freeze_state::test

#include <doctest/doctest.h>

#include <cerrno>

#include "support/describe.h"
#include "support/meanwhile.h"
#include "support/script.h"

namespace freeze_state::test {

TEST_SUITE("close") {
  TEST_CASE("closing thaws and releases the members, and then every operation is Closed") {
    ScriptedState scripted(2);
    scripted.state.freezeAtEpoch(0);
    scripted.script.log();
    CHECK(describe(scripted.state.close()).empty());
    CHECK(scripted.script.log() == "continue 101, continue 102");
    CHECK(scripted.script.held().empty());
    CHECK(scripted.state.word() == word::kClosed);

    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "Closed");
    CHECK(describe(scripted.state.freezeAtEpoch(word::kMaxEpoch)) == "Closed");
    CHECK(describe(scripted.state.unfreeze()) == "Closed");
    CHECK_FALSE(scripted.state.forceUnfreeze());
    CHECK(describe(scripted.state.registerPid(103)) == "Closed");
    CHECK(describe(scripted.state.registerPid(-1)) == "Closed");
    CHECK(describe(scripted.state.unregisterPid(101)) == "Closed");
    CHECK(describe(scripted.state.pids()) == "closed");
    CHECK(scripted.script.log().empty());
    CHECK(scripted.state.word() == word::kClosed);
  }

  TEST_CASE("closing a second time does nothing") {
    ScriptedState scripted(1);
    CHECK(describe(scripted.state.close()).empty());
    CHECK(describe(scripted.state.close()).empty());
    CHECK(scripted.script.log().empty());
  }

  TEST_CASE("closing continues only what we stopped") {
    ScriptedState scripted(2);
    CHECK(describe(scripted.state.close()).empty());
    CHECK(scripted.script.log().empty());
  }

  TEST_CASE("a close names the members that could not be continued, and the state is closed all the same") {
    ScriptedState scripted(2);
    scripted.state.freezeAtEpoch(0);
    scripted.script.answer(101, Signal::Continue, EPERM);
    CHECK(describe(scripted.state.close()) == "PermissionDenied 101 EPERM (stopped)");
    CHECK(scripted.state.word() == word::kClosed);
    CHECK(scripted.script.held().empty());
  }

  TEST_CASE("closing cancels a freeze in another thread, which is told Closed and leaves nothing stopped") {
    for (std::size_t during = 1; during <= 3; ++during) {
      CAPTURE(during);
      ScriptedState scripted(3);
      Meanwhile meanwhile;
      std::string closed;
      std::size_t stoppedWhenClosed = 99;
      scripted.script.onSend(during, [&] {
        CHECK(meanwhile.move(scripted.state, [&] {
          closed = describe(scripted.state.close());
          stoppedWhenClosed = scripted.script.stoppedCount();
        }));
      });
      CHECK(describe(scripted.state.freezeAtEpoch(0)) == "Closed");
      meanwhile.join();
      CHECK(closed.empty());
      CHECK(stoppedWhenClosed == 0);
      CHECK(scripted.script.count(Signal::Stop) == during);
      CHECK(scripted.script.held().empty());
    }
  }

  TEST_CASE("a close during a registration releases the newcomer as well") {
    ScriptedState scripted(0);
    Meanwhile meanwhile;
    scripted.script.onOpen([&] { CHECK(meanwhile.move(scripted.state, [&] { scripted.state.close(); })); });
    CHECK(describe(scripted.state.registerPid(101)).empty());
    meanwhile.join();
    CHECK(scripted.script.held().empty());
    CHECK(describe(scripted.state.pids()) == "closed");
  }

  TEST_CASE("a second close returns only after the thaw of the first") {
    ScriptedState scripted(2);
    scripted.state.freezeAtEpoch(0);
    Meanwhile second;
    std::size_t continuedWhenSecondReturned = 0;
    std::string closedAgain = "not yet";
    scripted.script.onSend(3, [&] {
      CHECK(second.block([&] {
        closedAgain = describe(scripted.state.close());
        continuedWhenSecondReturned = scripted.script.count(Signal::Continue);
      }));
    });
    CHECK(describe(scripted.state.close()).empty());
    second.join();
    CHECK(closedAgain.empty());
    CHECK(continuedWhenSecondReturned == 2);
  }
}

}  // namespace freeze_state::test

#include <doctest/doctest.h>

#include <optional>

#include "support/describe.h"
#include "support/held_thread.h"
#include "support/meanwhile.h"
#include "support/script.h"

namespace freeze_state::test {

TEST_SUITE("races") {
  TEST_CASE("G1, G3: an unfreeze during any signal of a freeze leaves nothing stopped once either has returned") {
    for (std::size_t during = 1; during <= 4; ++during) {
      CAPTURE(during);
      ScriptedState scripted(4);
      Meanwhile meanwhile;
      std::string thawed;
      std::size_t stoppedWhenThawed = 99;
      scripted.script.onSend(during, [&] {
        CHECK(meanwhile.move(scripted.state, [&] {
          thawed = describe(scripted.state.unfreeze());
          stoppedWhenThawed = scripted.script.stoppedCount();
        }));
      });
      CHECK(describe(scripted.state.freezeAtEpoch(0)) == "not frozen");
      CHECK(scripted.script.stoppedCount() == 0);
      meanwhile.join();
      CHECK(thawed.empty());
      CHECK(stoppedWhenThawed == 0);
      CHECK(scripted.script.count(Signal::Stop) == during);
      CHECK(scripted.script.count(Signal::Continue) == during);
      CHECK(scripted.state.word() == word::running(1));
    }
  }

  TEST_CASE("a freeze that is cancelled is rolled back in registration order") {
    ScriptedState scripted(4);
    Meanwhile meanwhile;
    scripted.script.onSend(3, [&] { CHECK(meanwhile.move(scripted.state, [&] { scripted.state.unfreeze(); })); });
    scripted.state.freezeAtEpoch(0);
    CHECK(scripted.script.log() == "stop 101, stop 102, stop 103, continue 101, continue 102, continue 103");
  }

  TEST_CASE("G6: an unfreeze waits for the one signal in flight and the roll-back, not for the rest of 500") {
    ScriptedState scripted(500);
    Meanwhile meanwhile;
    std::size_t stopsWhenThawed = 0;
    std::size_t continuesWhenThawed = 0;
    constexpr std::size_t kInFlight = 250;
    scripted.script.onSend(kInFlight, [&] {
      CHECK(meanwhile.move(scripted.state, [&] {
        scripted.state.unfreeze();
        stopsWhenThawed = scripted.script.count(Signal::Stop);
        continuesWhenThawed = scripted.script.count(Signal::Continue);
      }));
    });
    CHECK_FALSE(scripted.state.freezeAtEpoch(0).frozen);
    meanwhile.join();
    CHECK(stopsWhenThawed == kInFlight);
    CHECK(continuesWhenThawed == kInFlight);
    CHECK(scripted.script.count(Signal::Stop) == kInFlight);
  }

  TEST_CASE("the even-word rule: a slow unfreeze does not continue what a newer freeze has stopped") {
    if (!HeldThread::isPossible()) return;
    ScriptedState scripted(1);
    std::optional<HeldThread> slow;
    std::string thawed = "not yet";
    // Under the lock: the unfreeze moves the word on, and is held on its way to the lock.
    scripted.script.onOpen([&] {
      slow.emplace([&] { thawed = describe(scripted.state.unfreeze()); });
      CHECK(waitUntil([&] { return scripted.state.word() == word::running(1); }));
      CHECK(slow->hold());
    });
    scripted.state.registerPid(102);
    CHECK(describe(scripted.state.freezeAtEpoch(1)) == "frozen");
    CHECK(thawed == "not yet");
    slow.reset();
    CHECK(thawed.empty());
    CHECK(scripted.script.log() == "stop 101, stop 102");
    CHECK(scripted.state.word() == word::frozen(1));
    CHECK(scripted.script.stoppedCount() == 2);
  }

  TEST_CASE("a freezer that waits for the lock while another freezes the same epoch is told true, and undoes nothing") {
    if (!HeldThread::isPossible()) return;
    ScriptedState scripted(1);
    std::optional<HeldThread> late;
    std::string lateResult = "not yet";
    scripted.script.onOpen([&] {
      late.emplace([&] { lateResult = describe(scripted.state.freezeAtEpoch(0)); });
      CHECK(late->comesToSleep());
      CHECK(late->hold());
    });
    scripted.state.registerPid(102);
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "frozen");
    CHECK(lateResult == "not yet");
    late.reset();
    CHECK(lateResult == "frozen");
    CHECK(scripted.script.log() == "stop 101, stop 102");
    CHECK(scripted.script.stoppedCount() == 2);
  }

  TEST_CASE("a freezer that waits for the lock while its epoch passes is told false and sends nothing") {
    ScriptedState scripted(1);
    std::string late;
    Meanwhile freezer;
    Meanwhile meanwhile;
    scripted.script.onOpen([&] {
      CHECK(freezer.block([&] { late = describe(scripted.state.freezeAtEpoch(0)); }));
      CHECK(meanwhile.move(scripted.state, [&] { scripted.state.unfreeze(); }));
    });
    scripted.state.registerPid(102);
    freezer.join();
    meanwhile.join();
    CHECK(late == "not frozen");
    CHECK(scripted.script.log().empty());
  }

  TEST_CASE("a newcomer that is stopped while the thaw comes in between is continued by that thaw") {
    ScriptedState scripted(1);
    scripted.state.freezeAtEpoch(0);
    scripted.script.log();
    Meanwhile meanwhile;
    scripted.script.onSend(2, [&] { CHECK(meanwhile.move(scripted.state, [&] { scripted.state.unfreeze(); })); });
    CHECK(describe(scripted.state.registerPid(102)).empty());
    meanwhile.join();
    CHECK(scripted.script.log() == "stop 102, continue 101, continue 102");
    CHECK(scripted.script.stoppedCount() == 0);
  }

  TEST_CASE("a newcomer whose state was thawed while it was opened is not stopped") {
    ScriptedState scripted(1);
    scripted.state.freezeAtEpoch(0);
    scripted.script.log();
    Meanwhile meanwhile;
    scripted.script.onOpen([&] { CHECK(meanwhile.move(scripted.state, [&] { scripted.state.unfreeze(); })); });
    CHECK(describe(scripted.state.registerPid(102)).empty());
    meanwhile.join();
    CHECK(scripted.script.log() == "continue 101");
  }
}

}  // namespace freeze_state::test

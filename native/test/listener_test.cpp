#include <doctest/doctest.h>

#include "support/counting_listener.h"
#include "support/meanwhile.h"
#include "support/script.h"

namespace freeze_state::test {

TEST_SUITE("listener") {
  TEST_CASE("a listener hears of every change, and of nothing else") {
    ScriptedState scripted(1);
    CountingListener ear;
    scripted.state.addListener(ear);
    scripted.state.registerPid(105);
    scripted.state.freezeAtEpoch(3);
    CHECK(ear.heard.load() == 0);
    scripted.state.freezeAtEpoch(0);
    CHECK(ear.heard.load() == 1);
    scripted.state.freezeAtEpoch(0);  // frozen already
    CHECK(ear.heard.load() == 1);
    scripted.state.unfreeze();
    scripted.state.unfreeze();  // thaws nothing, and still is a new epoch
    scripted.state.forceUnfreeze();
    scripted.state.hold();
    CHECK(ear.heard.load() == 5);
    scripted.state.close();
    CHECK(ear.heard.load() == 6);
    scripted.state.close();
    CHECK(ear.heard.load() == 6);
    scripted.state.removeListener(ear);
  }

  TEST_CASE("a listener does not hear of what its own thread did, and the others do") {
    ScriptedState scripted(1);
    CountingListener mine;
    CountingListener other;
    scripted.state.addListener(mine);
    scripted.state.addListener(other);
    scripted.state.freezeAtEpoch(0, &mine);
    scripted.state.unfreeze(&mine);
    scripted.state.forceUnfreeze(&mine);
    scripted.state.hold(&mine);
    scripted.state.close(&mine);
    CHECK(mine.heard.load() == 0);
    CHECK(other.heard.load() == 5);
    scripted.state.removeListener(mine);
    scripted.state.removeListener(other);
  }

  TEST_CASE("a listener hears nothing once it was removed, even of a change in progress") {
    ScriptedState scripted(2);
    CountingListener ear;
    scripted.state.addListener(ear);
    Meanwhile meanwhile;
    bool isRemoved = false;
    scripted.script.onSend(2, [&] {
      CHECK(meanwhile.block([&] {
        scripted.state.removeListener(ear);
        isRemoved = true;
        ear.heard = 0;
      }));
    });
    CHECK(scripted.state.freezeAtEpoch(0).frozen);
    meanwhile.join();
    CHECK(isRemoved);
    scripted.state.unfreeze();
    CHECK(ear.heard.load() == 0);
  }
}

}  // namespace freeze_state::test

#include <doctest/doctest.h>

#include <cerrno>
#include <optional>

#include "support/describe.h"
#include "support/held_thread.h"
#include "support/meanwhile.h"
#include "support/script.h"

namespace freeze_state::test {

TEST_SUITE("unfreeze") {
  TEST_CASE("a thaw continues what the freeze stopped, in registration order") {
    ScriptedState scripted(3);
    scripted.state.freezeAtEpoch(0);
    scripted.script.log();
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(scripted.script.log() == "continue 101, continue 102, continue 103");
    CHECK(scripted.script.stoppedCount() == 0);
  }

  TEST_CASE("a thaw with nothing stopped sends nothing, and moves to the next epoch") {
    ScriptedState scripted(2);
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(scripted.script.log().empty());
    CHECK(scripted.state.word() == word::running(2));
  }

  TEST_CASE("a member that refuses SIGCONT is reported and keeps its mark; the others run; the next one tries again") {
    ScriptedState scripted(3);
    scripted.state.freezeAtEpoch(0);
    scripted.script.log();
    scripted.script.answer(102, Signal::Continue, EPERM);
    CHECK(describe(scripted.state.unfreeze()) == "PermissionDenied 102 EPERM (stopped)");
    CHECK(scripted.script.log() == "continue 101, continue 102!, continue 103");
    scripted.script.answer(102, Signal::Continue, EINVAL);
    CHECK(describe(scripted.state.unfreeze()) == "SignalFailed 102 EINVAL (stopped)");
    CHECK(scripted.script.log() == "continue 102!");
    CHECK(scripted.state.word() == word::running(2));

    scripted.script.answer(102, Signal::Continue, 0);
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(scripted.script.log() == "continue 102");
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(scripted.script.log().empty());
  }

  TEST_CASE("a kept mark outlives a freeze and its thaw") {
    ScriptedState scripted(2);
    scripted.state.freezeAtEpoch(0);
    scripted.script.answer(101, Signal::Continue, EPERM);
    scripted.state.unfreeze();
    scripted.script.log();
    // A freeze that is refused rolls back the old stop as well: nothing of ours stays stopped for longer than it must.
    scripted.script.answer(101, Signal::Continue, 0);
    scripted.script.answer(102, Signal::Stop, EPERM);
    CHECK(describe(scripted.state.freezeAtEpoch(1)) == "PermissionDenied 102 EPERM");
    CHECK(scripted.script.log() == "stop 101, stop 102!, continue 101");
    CHECK(scripted.script.stoppedCount() == 0);
  }

  TEST_CASE("a thaw does not fail for members that have exited, and forgets them") {
    ScriptedState scripted(3);
    scripted.state.freezeAtEpoch(0);
    scripted.script.exitedUnseen(101);
    SUBCASE("found by the signal") {}
    SUBCASE("found by the probe, as a zombie, whose signal succeeds") {
      scripted.script.exited(101);
      scripted.script.answer(101, Signal::Continue, 0);
    }
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(describe(scripted.state.pids()) == "102 103");
    CHECK(scripted.script.held() == std::multiset<Pid>{102, 103});
  }
}

TEST_SUITE("forceUnfreeze") {
  TEST_CASE("a forced thaw continues every member, stopped by us or not") {
    ScriptedState scripted(2);
    CHECK(scripted.state.forceUnfreeze());
    CHECK(scripted.script.log() == "continue 101, continue 102");
    CHECK(scripted.state.word() == word::running(1));
    scripted.state.freezeAtEpoch(1);
    scripted.script.log();
    CHECK(scripted.state.forceUnfreeze());
    CHECK(scripted.script.log() == "continue 101, continue 102");
    CHECK(scripted.state.word() == word::running(2));
  }

  TEST_CASE("a forced thaw is silent about refusals, and the mark stays for the next one") {
    ScriptedState scripted(2);
    scripted.state.freezeAtEpoch(0);
    scripted.script.answer(101, Signal::Continue, EPERM);
    CHECK(scripted.state.forceUnfreeze());
    CHECK(scripted.script.stoppedCount() == 1);
    scripted.script.answer(101, Signal::Continue, 0);
    scripted.script.log();
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(scripted.script.log() == "continue 101");
  }

  TEST_CASE("a forced thaw sends nothing to members that are gone, and forgets them") {
    ScriptedState scripted(3);
    scripted.script.exited(101);
    scripted.script.exitedUnseen(102);
    CHECK(scripted.state.forceUnfreeze());
    CHECK(scripted.script.log() == "continue 102!, continue 103");
    CHECK(describe(scripted.state.pids()) == "103");
    CHECK(scripted.script.held() == std::multiset<Pid>{103});
  }

  TEST_CASE("a forced thaw cancels a freeze in flight") {
    ScriptedState scripted(3);
    Meanwhile meanwhile;
    scripted.script.onSend(2, [&] { CHECK(meanwhile.move(scripted.state, [&] { scripted.state.forceUnfreeze(); })); });
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "not frozen");
    meanwhile.join();
    CHECK(scripted.script.count(Signal::Stop) == 2);
    CHECK(scripted.script.stoppedCount() == 0);
  }

  TEST_CASE("a forced thaw also thaws a newer freeze that got the lock first") {
    if (!HeldThread::isPossible()) return;
    ScriptedState scripted(1);
    std::optional<HeldThread> forcing;
    scripted.script.onOpen([&] {
      forcing.emplace([&] { scripted.state.forceUnfreeze(); });
      CHECK(waitUntil([&] { return scripted.state.word() == word::running(1); }));
      CHECK(forcing->hold());
    });
    scripted.state.registerPid(102);
    CHECK(describe(scripted.state.freezeAtEpoch(1)) == "frozen");
    forcing.reset();
    CHECK(scripted.state.word() == word::running(2));
    CHECK(scripted.script.log() == "stop 101, stop 102, continue 101, continue 102");
  }
}

}  // namespace freeze_state::test

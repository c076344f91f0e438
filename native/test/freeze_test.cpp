#include <doctest/doctest.h>

#include <cerrno>

#include "support/describe.h"
#include "support/script.h"

namespace freeze_state::test {

TEST_SUITE("freeze") {
  TEST_CASE("G2: true means that every live member got SIGSTOP, and that the state is frozen until a thaw") {
    ScriptedState scripted(3);
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "frozen");
    CHECK(scripted.script.log() == "stop 101, stop 102, stop 103");
    CHECK(scripted.state.word() == word::frozen(0));
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(scripted.state.word() == word::running(1));
  }

  TEST_CASE("G5: the word reads running until the last signal was sent") {
    ScriptedState scripted(3);
    int sent = 0;
    scripted.script.onEverySend([&] {
      ++sent;
      CHECK(scripted.state.word() == word::running(0));
    });
    CHECK(scripted.state.freezeAtEpoch(0).frozen);
    CHECK(sent == 3);
    scripted.script.onEverySend(nullptr);
  }

  TEST_CASE("a second freeze at the frozen epoch is true and sends nothing") {
    ScriptedState scripted(2);
    scripted.state.freezeAtEpoch(0);
    scripted.script.log();
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "frozen");
    CHECK(scripted.script.log().empty());
  }

  TEST_CASE("G3: a freeze at an epoch that has passed, or is yet to come, is false and sends nothing") {
    ScriptedState scripted(2);
    scripted.state.unfreeze();
    for (const std::uint64_t epoch : {0, 2}) CHECK(describe(scripted.state.freezeAtEpoch(epoch)) == "not frozen");
    scripted.state.freezeAtEpoch(1);
    scripted.script.log();
    for (const std::uint64_t epoch : {0, 2}) CHECK(describe(scripted.state.freezeAtEpoch(epoch)) == "not frozen");
    CHECK(scripted.script.log().empty());
    CHECK(scripted.state.word() == word::frozen(1));
  }

  TEST_CASE("without a member there is nothing to freeze") {
    ScriptedState scripted(0);
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "NoPidConfigured");
    CHECK(scripted.state.word() == word::running(0));
  }

  TEST_CASE("where nothing can be signalled, a freeze says so") {
    ScriptedState scripted(1);
    scripted.script.unsupported();
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "UnsupportedPlatform");
    CHECK(describe(scripted.state.freezeAtEpoch(1)) == "not frozen");
    CHECK(scripted.script.log().empty());
  }

  TEST_CASE("mode None counts epochs and has members, and signals nothing") {
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
}

TEST_SUITE("gone members") {
  TEST_CASE("they are dropped and released, and are no error while another lives") {
    ScriptedState scripted(3);
    scripted.script.exited(102);
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "frozen");
    CHECK(scripted.script.log() == "stop 101, stop 103");
    CHECK(describe(scripted.state.pids()) == "101 103");
    CHECK(scripted.script.held() == std::multiset<Pid>{101, 103});
  }

  TEST_CASE("one that exits between the probe and its signal is no error either") {
    ScriptedState scripted(3);
    scripted.script.exitedUnseen(102);
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "frozen");
    CHECK(scripted.script.log() == "stop 101, stop 102!, stop 103");
    CHECK(describe(scripted.state.pids()) == "101 103");
  }

  TEST_CASE("only gone ones: each is named, nothing is frozen, and they are forgotten") {
    ScriptedState scripted(2);
    SUBCASE("found by the probe") {
      scripted.script.exited(101);
      scripted.script.exited(102);
    }
    SUBCASE("found by their signals") {
      scripted.script.exitedUnseen(101);
      scripted.script.exitedUnseen(102);
    }
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "ProcessNotFound 101 ESRCH, ProcessNotFound 102 ESRCH");
    CHECK(scripted.state.word() == word::running(0));
    CHECK(describe(scripted.state.pids()).empty());
    CHECK(scripted.script.held().empty());
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "NoPidConfigured");
  }

  TEST_CASE("one that never existed can be registered, and counts as gone") {
    ScriptedState scripted(0);
    scripted.script.absent(500);
    CHECK(describe(scripted.state.registerPid(500)).empty());
    CHECK(describe(scripted.state.pids()) == "500");
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "ProcessNotFound 500 ESRCH");
  }

  TEST_CASE("an unfreeze does not fail for them, and forgets them") {
    ScriptedState scripted(3);
    scripted.state.freezeAtEpoch(0);
    scripted.script.exitedUnseen(101);
    SUBCASE("found by the signal") {}
    SUBCASE("found by the look, as a zombie, whose signal succeeds") {
      scripted.script.exited(101);
      scripted.script.answer(101, Signal::Continue, 0);
    }
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(describe(scripted.state.pids()) == "102 103");
    CHECK(scripted.script.held() == std::multiset<Pid>{102, 103});
  }
}

}  // namespace freeze_state::test

#include <doctest/doctest.h>

#include <cerrno>
#include <map>
#include <string>

#include "support/describe.h"
#include "support/meanwhile.h"
#include "support/process_freezer.h"
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
    Script script;
    script.unsupported();
    FreezeState state(Mode::Process, processFreezer(script, {.boost = false}));
    state.registerPid(101);
    CHECK(describe(state.freezeAtEpoch(0)) == "UnsupportedPlatform");
    CHECK(describe(state.freezeAtEpoch(1)) == "not frozen");
    CHECK(script.log().empty());
  }
}

TEST_SUITE("gone members") {
  TEST_CASE("members that are gone are dropped and released, and are no error while another lives") {
    ScriptedState scripted(3);
    scripted.script.exited(102);
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "frozen");
    CHECK(scripted.script.log() == "stop 101, stop 103");
    CHECK(describe(scripted.state.pids()) == "101 103");
    CHECK(scripted.script.held() == std::multiset<Pid>{101, 103});
  }

  TEST_CASE("a member that exits between the probe and its signal is no error either") {
    ScriptedState scripted(3);
    scripted.script.exitedUnseen(102);
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "frozen");
    CHECK(scripted.script.log() == "stop 101, stop 102!, stop 103");
    CHECK(describe(scripted.state.pids()) == "101 103");
  }

  TEST_CASE("where all members are gone, each is named, nothing is frozen, and they are forgotten") {
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
}

TEST_SUITE("a freeze that fails") {
  TEST_CASE("G4: a member that refuses SIGSTOP fails all, and those before it run again, in registration order") {
    struct Refusal {
      int error;
      const char* described;
    };
    const std::map<Pid, std::string> logs{
        {101, "stop 101!"},
        {102, "stop 101, stop 102!, continue 101"},
        {103, "stop 101, stop 102, stop 103!, continue 101, continue 102"},
    };
    for (const auto& [error, described] : {Refusal{EPERM, "PermissionDenied 10"}, Refusal{EINVAL, "SignalFailed 10"}}) {
      for (const Pid refusing : {101, 102, 103}) {
        CAPTURE(error);
        CAPTURE(refusing);
        ScriptedState scripted(3);
        scripted.script.answer(refusing, Signal::Stop, error);
        const std::string expected =
            described + std::to_string(refusing - 100) + (error == EPERM ? " EPERM" : " EINVAL");
        CHECK(describe(scripted.state.freezeAtEpoch(0)) == expected);
        CHECK(scripted.script.stoppedCount() == 0);
        CHECK(scripted.state.word() == word::running(0));
        CHECK(scripted.script.log() == logs.at(refusing));
        // Nothing is left over that would fail the next one.
        scripted.script.answer(refusing, Signal::Stop, 0);
        CHECK(describe(scripted.state.freezeAtEpoch(0)) == "frozen");
      }
    }
  }

  TEST_CASE("a refusal names the system call") {
    ScriptedState scripted(1);
    scripted.script.answer(101, Signal::Stop, EPERM);
    const FreezeResult result = scripted.state.freezeAtEpoch(0);
    REQUIRE(result.failures.size() == 1);
    CHECK(std::string(result.failures.front().call) == "script");
  }

  TEST_CASE("a member that cannot be rolled back is reported as stopped, and the next unfreeze tries it again") {
    ScriptedState scripted(3);
    scripted.script.answer(102, Signal::Continue, EPERM);
    scripted.script.answer(103, Signal::Stop, EINVAL);
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "SignalFailed 103 EINVAL, PermissionDenied 102 EPERM (stopped)");
    CHECK(scripted.script.log() == "stop 101, stop 102, stop 103!, continue 101, continue 102!");
    CHECK(scripted.script.isStopped(102));

    scripted.script.answer(102, Signal::Continue, 0);
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(scripted.script.log() == "continue 102");
    CHECK(scripted.script.stoppedCount() == 0);
  }

  TEST_CASE("a roll-back after a thaw came in between reports its refusals as well") {
    ScriptedState scripted(2);
    Meanwhile meanwhile;
    scripted.script.answer(101, Signal::Continue, EPERM);
    std::string thawed;
    scripted.script.onSend(
        2, [&] { CHECK(meanwhile.move(scripted.state, [&] { thawed = describe(scripted.state.unfreeze()); })); });
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "PermissionDenied 101 EPERM (stopped)");
    meanwhile.join();
    // The unfreeze met the mark, tried again and was refused as well.
    CHECK(thawed == "PermissionDenied 101 EPERM (stopped)");
    CHECK(scripted.script.log() == "stop 101, stop 102, continue 101!, continue 102, continue 101!");
  }

  TEST_CASE("a freeze that fails still drops the members that are gone") {
    ScriptedState scripted(3);
    scripted.script.exited(101);
    scripted.script.answer(103, Signal::Stop, EPERM);
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "PermissionDenied 103 EPERM");
    CHECK(describe(scripted.state.pids()) == "102 103");
  }
}

}  // namespace freeze_state::test

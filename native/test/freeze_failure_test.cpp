#include <doctest/doctest.h>

#include <cerrno>
#include <map>
#include <string>

#include "support/describe.h"
#include "support/meanwhile.h"
#include "support/script.h"

namespace freeze_state::test {

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

  TEST_CASE("gone members are dropped on the way of a freeze that fails") {
    ScriptedState scripted(3);
    scripted.script.exited(101);
    scripted.script.answer(103, Signal::Stop, EPERM);
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "PermissionDenied 103 EPERM");
    CHECK(describe(scripted.state.pids()) == "102 103");
  }
}

}  // namespace freeze_state::test

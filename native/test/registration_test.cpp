#include "../core/state/registration.h"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <limits>

#include "support/describe.h"
#include "support/process_freezer.h"
#include "support/script.h"

namespace freeze_state::test {

TEST_SUITE("members") {
  TEST_CASE("G7: a value that is no pid, or our own pid, is refused before anything is asked or signalled") {
    ScriptedState scripted(0);
    constexpr std::int64_t kInt32 = std::numeric_limits<std::int32_t>::max();
    constexpr std::int64_t kUint32 = std::numeric_limits<std::uint32_t>::max();
    constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    for (const std::int64_t pid : {kLeast + 1, std::int64_t{-101}, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1},
                                   kInt32 + 1, kUint32, kUint32 + 102, kMost}) {
      CAPTURE(pid);
      CHECK(describe(scripted.state.registerPid(pid)) == "PidOutOfRange");
      CHECK(describe(scripted.state.unregisterPid(pid)) == "PidOutOfRange");
    }
    CHECK(describe(scripted.state.registerPid(kNotAPid)) == "NotAPid");
    CHECK(describe(scripted.state.unregisterPid(kNotAPid)) == "NotAPid");
    CHECK(describe(scripted.state.registerPid(Script::kOwnPid)) == "OwnPid");
    CHECK(describe(scripted.state.pids()).empty());
    CHECK(scripted.script.held().empty());
    CHECK(describe(scripted.state.registerPid(kInt32)).empty());
    CHECK(describe(scripted.state.registerPid(2)).empty());
  }

  TEST_CASE("registering signals nothing while the state runs") {
    ScriptedState scripted(3);
    CHECK(scripted.script.log().empty());
    CHECK(describe(scripted.state.pids()) == "101 102 103");
  }

  TEST_CASE("several are registered all or none: the first that fails is told, and those before it are released") {
    ScriptedState scripted(1);
    scripted.script.refuseOpen(104, FailureCode::ResourceExhausted);
    const std::array<std::int64_t, 4> refused{101, 102, 103, 104};
    const RegisterResult result = scripted.state.registerPids(refused);
    CHECK(describe(result.failures) == "ResourceExhausted 104");
    CHECK(result.failed == 3);
    CHECK(describe(scripted.state.pids()) == "101");
    CHECK(scripted.script.held() == std::multiset<Pid>{101});
    const std::array<std::int64_t, 3> invalid{105, 1, 106};
    CHECK(scripted.state.registerPids(invalid).failed == 1);
    CHECK(describe(scripted.state.pids()) == "101");
    CHECK(scripted.state.registerPids({refused.data(), 3}).failures.empty());
    CHECK(describe(scripted.state.pids()) == "101 102 103");
    CHECK(scripted.script.log().empty());
  }

  TEST_CASE("several that join a frozen state are stopped, and continued where one of them cannot be") {
    ScriptedState scripted(1);
    scripted.state.freezeAtEpoch(0);
    scripted.script.answer(103, Signal::Stop, EPERM);
    const std::array<std::int64_t, 2> pids{102, 103};
    CHECK(describe(scripted.state.registerPids(pids).failures) == "PermissionDenied 103 EPERM");
    CHECK(scripted.script.isStopped(101));
    CHECK_FALSE(scripted.script.isStopped(102));
    CHECK(describe(scripted.state.pids()) == "101");
    scripted.script.answer(103, Signal::Stop, 0);
    CHECK(scripted.state.registerPids(pids).failures.empty());
    CHECK(scripted.script.stoppedCount() == 3);
  }

  TEST_CASE("where one of several fails, those before it are continued, the last one first") {
    ScriptedState scripted(1);
    scripted.state.freezeAtEpoch(0);
    scripted.script.log();
    scripted.script.answer(104, Signal::Stop, EPERM);
    const std::array<std::int64_t, 3> pids{102, 103, 104};
    CHECK(describe(scripted.state.registerPids(pids).failures) == "PermissionDenied 104 EPERM");
    CHECK(scripted.script.log() == "stop 102, stop 103, stop 104!, continue 103, continue 102");
  }

  TEST_CASE("one that refuses to be continued then stays a member, and both failures are told") {
    ScriptedState scripted(1);
    scripted.state.freezeAtEpoch(0);
    scripted.script.answer(102, Signal::Continue, EPERM);
    scripted.script.answer(104, Signal::Stop, EPERM);
    const std::array<std::int64_t, 3> pids{102, 103, 104};
    CHECK(describe(scripted.state.registerPids(pids).failures) ==
          "PermissionDenied 104 EPERM, PermissionDenied 102 EPERM (stopped)");
    CHECK(describe(scripted.state.pids()) == "101 102");
    scripted.script.answer(102, Signal::Continue, 0);
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(scripted.script.stoppedCount() == 0);
  }

  TEST_CASE("several of which one has exited, is listed twice, and another is refused, are not registered") {
    ScriptedState scripted(1);
    scripted.script.absent(102);
    scripted.script.refuseOpen(103, FailureCode::ThreadId);
    const std::array<std::int64_t, 3> pids{102, 102, 103};
    CHECK(describe(scripted.state.registerPids(pids).failures) == "ThreadId 103");
    CHECK(describe(scripted.state.pids()) == "101");
  }

  TEST_CASE("what cannot be opened is not registered") {
    ScriptedState scripted(1);
    scripted.script.refuseOpen(102, FailureCode::ResourceExhausted);
    scripted.script.refuseOpen(103, FailureCode::ThreadId);
    CHECK(describe(scripted.state.registerPid(102)) == "ResourceExhausted 102");
    CHECK(describe(scripted.state.registerPid(103)) == "ThreadId 103");
    CHECK(describe(scripted.state.pids()) == "101");
  }

  TEST_CASE("registering a live member again changes nothing") {
    ScriptedState scripted(2);
    scripted.state.freezeAtEpoch(0);
    scripted.script.log();
    CHECK(describe(scripted.state.registerPid(101)).empty());
    CHECK(scripted.script.log().empty());
    CHECK(describe(scripted.state.pids()) == "101 102");
    CHECK(scripted.script.held() == std::multiset<Pid>{101, 102});
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(scripted.script.stoppedCount() == 0);
  }

  TEST_CASE("a pid whose earlier holder is gone is a new member") {
    ScriptedState scripted(0);
    scripted.script.absent(500);
    scripted.state.registerPid(500);
    scripted.state.registerPid(501);
    CHECK(scripted.script.held() == std::multiset<Pid>{501});

    ScriptedState other(2);
    other.script.exited(101);
    CHECK(describe(other.state.registerPid(101)).empty());
    // The old hold was released, and there is a new one, at the end of the list.
    CHECK(other.script.held() == std::multiset<Pid>{101, 102});
    CHECK(describe(other.state.pids()) == "102 101");
  }

  TEST_CASE("unregister continues a member that we stopped, and no other") {
    ScriptedState scripted(2);
    CHECK(describe(scripted.state.unregisterPid(101)) == "found");
    CHECK(scripted.script.log().empty());
    scripted.state.registerPid(103);
    scripted.state.freezeAtEpoch(0);
    scripted.script.log();
    CHECK(describe(scripted.state.unregisterPid(103)) == "found");
    CHECK(scripted.script.log() == "continue 103");
    CHECK(scripted.state.word() == word::frozen(0));
    CHECK(describe(scripted.state.pids()) == "102");
    CHECK(scripted.script.held() == std::multiset<Pid>{102});
    CHECK(describe(scripted.state.unregisterPid(103)) == "not found");
    CHECK(describe(scripted.state.unregisterPid(Script::kOwnPid)) == "not found");
  }

  TEST_CASE("a stopped member that refuses to be continued stays a member, marked") {
    ScriptedState scripted(1);
    scripted.state.freezeAtEpoch(0);
    scripted.script.answer(101, Signal::Continue, EPERM);
    CHECK(describe(scripted.state.unregisterPid(101)) == "PermissionDenied 101 EPERM (stopped)");
    CHECK(describe(scripted.state.pids()) == "101");
    scripted.script.answer(101, Signal::Continue, 0);
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(scripted.script.stoppedCount() == 0);
  }

  TEST_CASE("a stopped member that is gone is forgotten without an error") {
    ScriptedState scripted(1);
    scripted.state.freezeAtEpoch(0);
    scripted.script.exitedUnseen(101);
    CHECK(describe(scripted.state.unregisterPid(101)) == "found");
    CHECK(scripted.script.held().empty());
  }

  TEST_CASE("the end of a state thaws and releases everything") {
    Script script;
    {
      FreezeState state(Mode::Process, processFreezer(script, {.boost = false}));
      state.registerPid(101);
      state.registerPid(102);
      state.freezeAtEpoch(0);
    }
    CHECK(script.log() == "stop 101, stop 102, continue 101, continue 102");
    CHECK(script.held().empty());
  }

  TEST_CASE("a process that never existed can be registered, and counts as gone") {
    ScriptedState scripted(0);
    scripted.script.absent(500);
    CHECK(describe(scripted.state.registerPid(500)).empty());
    CHECK(describe(scripted.state.pids()) == "500");
    CHECK(describe(scripted.state.freezeAtEpoch(0)) == "ProcessNotFound 500 ESRCH");
  }
}

TEST_SUITE("a process that joins while the state is frozen") {
  TEST_CASE("G5: a process that joins a frozen state is stopped at once, and thawed with the rest") {
    ScriptedState scripted(1);
    scripted.state.freezeAtEpoch(0);
    scripted.script.log();
    CHECK(describe(scripted.state.registerPid(102)).empty());
    CHECK(scripted.script.log() == "stop 102");
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(scripted.script.log() == "continue 101, continue 102");
  }

  TEST_CASE("a process that refuses is not registered, and nothing of it is held") {
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

  TEST_CASE("a process that exits just then is registered as gone") {
    ScriptedState scripted(1);
    scripted.state.freezeAtEpoch(0);
    scripted.script.log();
    scripted.script.exitedUnseen(102);
    CHECK(describe(scripted.state.registerPid(102)).empty());
    CHECK(scripted.script.log() == "stop 102!");
    CHECK(describe(scripted.state.pids()) == "101 102");
    // That it is gone is no error of the thaw, which drops it.
    CHECK(describe(scripted.state.unfreeze()).empty());
    CHECK(scripted.script.log() == "continue 101");
    CHECK(describe(scripted.state.pids()) == "101");
  }

  TEST_CASE("a process that is gone already is not signalled") {
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

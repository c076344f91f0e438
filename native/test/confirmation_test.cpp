#include "../core/state/confirmation.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../core/modes/none.h"
#include "support/confirming.h"
#include "support/describe.h"
#include "support/held_thread.h"
#include "support/meanwhile.h"
#include "support/script.h"
#include "support/wait_until.h"

namespace freeze_state::test {

TEST_SUITE("a confirmation") {
  TEST_CASE("G5: a freeze that takes over a confirmation stops all members, also where one has left in between") {
    Four four;
    Confirmation confirmation(four.state, 0, nullptr);
    // The first two have been signalled, and then the list gets shorter than the steps have counted.
    CHECK(confirmation.step(kOver).stage == Stage::Freezing);
    CHECK(confirmation.step(kOver).stage == Stage::Freezing);
    CHECK(four.script.log() == "stop 101, stop 102");
    four.state->unregisterPid(101);
    CHECK(describe(four.state->freezeAtEpoch(0)) == "frozen");
    for (const Pid pid : {102, 103, 104}) CHECK(four.script.isStopped(pid));
    CHECK_FALSE(four.script.isStopped(101));
  }

  TEST_CASE("a process that a foreign process has continued is sent SIGSTOP again") {
    Four four;
    four.script.onSend(4, [&] { four.script.continued(101); });
    Confirmation confirmation(four.state, 0, nullptr);
    finish(confirmation);
    const auto [stage, failures] = stepFor(confirmation, std::chrono::seconds(10));
    CHECK(stage == Stage::Stopped);
    CHECK(four.script.isStopped(101));
    CHECK(describe(confirmation.report()) == "101, 102, 103, 104");
    four.state->unfreeze();
    CHECK(four.script.stoppedCount() == 0);
  }

  TEST_CASE("a step signals one member at the least, and the last one makes the state frozen") {
    Four four;
    Confirmation confirmation(four.state, 0, nullptr);
    for (std::size_t step = 1; step < 4; ++step) {
      CHECK(confirmation.step(kOver).stage == Stage::Freezing);
      CHECK(four.script.count(Signal::Stop) == step);
      CHECK(four.state->word() == word::running(0));
    }
    CHECK(confirmation.step(kOver).stage == Stage::Stopping);
    CHECK(four.script.stoppedCount() == 4);
    CHECK(four.state->word() == word::frozen(0));
    CHECK(confirmation.step(kNoDeadline).stage == Stage::Stopped);
    CHECK(describe(confirmation.report()) == "101, 102, 103, 104");
    CHECK(confirmation.toStopped() >= confirmation.toSignalled());
  }

  TEST_CASE("a confirmation that is dropped before the state is frozen continues all, and the epoch stays") {
    for (int steps = 1; steps < 4; ++steps) {
      Four four;
      {
        Confirmation confirmation(four.state, 0, nullptr);
        for (int step = 0; step < steps; ++step) confirmation.step(kOver);
      }
      CHECK(four.script.stoppedCount() == 0);
      CHECK(four.state->word() == word::running(0));
      CHECK(four.state->freezeAtEpoch(0).frozen);
    }
  }

  TEST_CASE("a confirmation that is dropped once the state is frozen leaves it so") {
    Four four;
    {
      CHECK(finish(*std::make_unique<Confirmation>(four.state, 0, nullptr)).stage == Stage::Stopping);
    }
    CHECK(four.script.stoppedCount() == 4);
  }

  TEST_CASE("G1, G3: whatever ends a confirmation between two steps leaves nothing stopped") {
    const std::vector<std::pair<const char*, std::function<void(FreezeState&, Confirmation&)>>> ends{
        {"unfreeze", [](FreezeState& state, Confirmation&) { state.unfreeze(); }},
        {"forceUnfreeze", [](FreezeState& state, Confirmation&) { state.forceUnfreeze(); }},
        {"hold",
         [](FreezeState& state, Confirmation&) {
           state.hold();
           state.release();
         }},
        {"close", [](FreezeState& state, Confirmation&) { state.close(); }},
        {"rollBack",
         [](FreezeState&, Confirmation& confirmation) {
           CHECK(confirmation.rollBack(Confirmation::Whose::Own).has_value());
         }},
    };
    for (const auto& [name, end] : ends) {
      CAPTURE(name);
      for (int steps = 1; steps < 4; ++steps) {
        Four four;
        Confirmation confirmation(four.state, 0, nullptr);
        for (int step = 0; step < steps; ++step) CHECK(confirmation.step(kOver).stage == Stage::Freezing);
        end(*four.state, confirmation);
        CHECK(four.script.stoppedCount() == 0);
        const std::uint64_t after = four.state->word();
        CHECK((after == word::running(1) || after == word::kClosed));
        const auto progress = confirmation.step(kOver);
        CHECK(progress.stage == Stage::Passed);
        CHECK(describe(progress.step.failures) == (after == word::kClosed ? "Closed" : ""));
        CHECK_FALSE(confirmation.rollBack(Confirmation::Whose::Any).has_value());
        CHECK(four.script.stoppedCount() == 0);
      }
    }
  }

  TEST_CASE("G5: a process that joins between two steps is signalled before the state is frozen") {
    Four four;
    Confirmation confirmation(four.state, 0, nullptr);
    confirmation.step(kOver);
    four.state->registerPid(105);
    CHECK_FALSE(four.script.isStopped(105));
    CHECK(finish(confirmation).stage == Stage::Stopping);
    CHECK(four.script.stoppedCount() == 5);
    confirmation.step(kNoDeadline);
    CHECK(describe(confirmation.report()) == "101, 102, 103, 104, 105");
  }

  TEST_CASE("a member that leaves between two steps is continued, and left out") {
    Four four;
    Confirmation confirmation(four.state, 0, nullptr);
    confirmation.step(kOver);
    CHECK(four.script.isStopped(101));
    CHECK(four.state->unregisterPid(101).found);
    CHECK_FALSE(four.script.isStopped(101));
    CHECK(finish(confirmation, kNoDeadline).stage == Stage::Stopped);
    CHECK(describe(confirmation.report()) == "102, 103, 104");
  }

  TEST_CASE("a confirmation that is dropped continues all, also where a process has joined or left") {
    for (const bool isJoining : {true, false}) {
      for (const bool isDropped : {true, false}) {
        Four four;
        auto confirmation = std::make_unique<Confirmation>(four.state, 0, nullptr);
        confirmation->step(kOver);
        confirmation->step(kOver);
        isJoining ? void(four.state->registerPid(105)) : void(four.state->unregisterPid(101));
        if (isDropped)
          confirmation.reset();
        else
          CHECK(confirmation->rollBack(Confirmation::Whose::Own).has_value());
        CHECK(four.script.stoppedCount() == 0);
      }
    }
  }

  TEST_CASE("a freeze by another call between two steps is confirmed, and an abort leaves it alone") {
    Four four;
    Confirmation confirmation(four.state, 0, nullptr);
    confirmation.step(kOver);
    CHECK(four.state->freezeAtEpoch(0).frozen);
    CHECK(four.script.stoppedCount() == 4);
    CHECK(confirmation.step(kNoDeadline).stage == Stage::Stopped);
    CHECK(describe(confirmation.report()) == "101, 102, 103, 104");
    CHECK_FALSE(confirmation.rollBack(Confirmation::Whose::Own).has_value());
    CHECK(confirmation.rollBack(Confirmation::Whose::Any).has_value());
    CHECK(four.script.stoppedCount() == 0);
  }

  TEST_CASE("a freeze by another call is undone by the deadline of a confirmation, and not by its abort") {
    Four four;
    Confirmation confirmation(four.state, 0, nullptr);
    confirmation.step(kOver);
    CHECK(four.state->freezeAtEpoch(0).frozen);
    CHECK_FALSE(confirmation.rollBack(Confirmation::Whose::Own).has_value());
    CHECK(four.script.stoppedCount() == 4);
    CHECK(confirmation.rollBack(Confirmation::Whose::Any).has_value());
    CHECK(four.script.stoppedCount() == 0);
  }

  TEST_CASE("a confirmation that has failed takes nothing back when it is dropped later") {
    Four four;
    four.script.answer(103, Signal::Stop, EPERM);
    auto failed = std::make_unique<Confirmation>(four.state, 0, nullptr);
    CHECK_FALSE(finish(*failed).step.failures.empty());
    four.script.answer(103, Signal::Stop, 0);
    Confirmation next(four.state, 0, nullptr);
    next.step(kOver);
    next.step(kOver);
    failed.reset();
    CHECK(four.script.stoppedCount() == 2);
  }

  TEST_CASE("two confirmations at once share their stops, and when one is dropped the other still finishes") {
    Four four;
    Confirmation one(four.state, 0, nullptr);
    auto other = std::make_unique<Confirmation>(four.state, 0, nullptr);
    one.step(kOver);
    other->step(kOver);
    CHECK(four.script.stoppedCount() == 2);
    other.reset();
    CHECK(four.script.stoppedCount() == 0);
    CHECK(finish(one).stage == Stage::Stopping);
    CHECK(four.script.stoppedCount() == 4);
  }

  TEST_CASE("a confirmation of an epoch that has passed does not end that of the next one") {
    Four four;
    auto old = std::make_unique<Confirmation>(four.state, 0, nullptr);
    old->step(kOver);
    four.state->unfreeze();
    Confirmation next(four.state, 1, nullptr);
    next.step(kOver);
    CHECK_FALSE(old->rollBack(Confirmation::Whose::Any).has_value());
    old.reset();
    CHECK(four.script.stoppedCount() == 1);
    CHECK(finish(next).stage == Stage::Stopping);
    CHECK(four.script.stoppedCount() == 4);
  }

  TEST_CASE("G4: a member that refuses, at whatever step, fails the confirmation, and all are continued") {
    for (Pid pid = 101; pid <= 104; ++pid) {
      Four four;
      four.script.answer(pid, Signal::Stop, EPERM);
      Confirmation confirmation(four.state, 0, nullptr);
      CHECK(describe(finish(confirmation).step.failures) == "PermissionDenied " + std::to_string(pid) + " EPERM");
      CHECK(four.script.stoppedCount() == 0);
      CHECK(four.state->word() == word::running(0));
    }
  }

  TEST_CASE("those that have not stopped are named, before and after the state is frozen") {
    Four four;
    four.script.stuck(102);
    Confirmation confirmation(four.state, 0, nullptr);
    confirmation.step(kOver);
    CHECK(test::describe(confirmation.pending()) == "101");
    CHECK(finish(confirmation).stage == Stage::Stopping);
    // On a busy machine a step may be over before it has begun.
    CHECK(waitUntil([&] {
      const auto progress = stepFor(confirmation);
      CHECK(progress.stage == Stage::Stopping);
      return progress.step.kind == Step::Kind::Blocked;
    }));
    CHECK(test::describe(confirmation.pending()) == "102");
    four.script.exited(102);
    CHECK(confirmation.step(kNoDeadline).stage == Stage::Stopped);
    CHECK(describe(confirmation.report()) == "101, 102 gone, 103, 104");
  }

  TEST_CASE("G3: a freeze that a thaw has overtaken takes back what a confirmation had stopped before it answers") {
    if (!HeldThread::isPossible()) return;
    Four four;
    Confirmation confirmation(four.state, 0, nullptr);
    confirmation.step(kOver);
    REQUIRE(four.script.stoppedCount() == 1);
    Meanwhile freeze;
    std::optional<HeldThread> thaw;
    bool isFrozen = true;
    std::size_t stopped = 0;
    // Under the lock: the freeze waits for it, and the thaw moves the word on and is held on its way to the lock.
    four.script.onOpen([&] {
      CHECK(freeze.block([&] {
        isFrozen = four.state->freezeAtEpoch(0).frozen;
        stopped = four.script.stoppedCount();
      }));
      thaw.emplace([&] { four.state->unfreeze(); });
      CHECK(waitUntil([&] { return four.state->word() == word::running(1); }));
      CHECK(thaw->hold());
    });
    four.state->registerPid(105);
    freeze.join();
    CHECK_FALSE(isFrozen);
    CHECK(stopped == 0);
    thaw.reset();
    CHECK(confirmation.step(kOver).stage == Stage::Passed);
  }

  TEST_CASE("a tracee with a pending SIGSTOP is waited for, unless that was sent again and may be left over") {
    Four four;
    four.script.seenAs(102, ProcessState::Traced);
    Confirmation confirmation(four.state, 0, nullptr);
    CHECK(finish(confirmation).stage == Stage::Stopping);
    CHECK(stepFor(confirmation).stage == Stage::Stopping);
    four.script.seenAs(102, ProcessState::Running);
    while (four.script.count(Signal::Stop) == 4) stepFor(confirmation);
    four.script.seenAs(102, ProcessState::Traced);
    CHECK(confirmation.step(kNoDeadline).stage == Stage::Stopped);
  }

  TEST_CASE("a confirmation in mode none ends at once, as of an epoch that has passed") {
    Script script;
    const auto state = std::make_shared<FreezeState>(Mode::None, std::make_unique<NoneFreezer>(script));
    Confirmation confirmation(state, 0, nullptr);
    CHECK(confirmation.step(kNoDeadline).stage == Stage::Passed);
    CHECK_FALSE(confirmation.rollBack(Confirmation::Whose::Any).has_value());
  }
}

}  // namespace freeze_state::test

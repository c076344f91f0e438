#include <doctest/doctest.h>

#include <array>
#include <memory>

#include "support/script.h"
#include "support/wait_until.h"
#include "support/waiter.h"

namespace freeze_state::test {

namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

TEST_SUITE("wait") {
  TEST_CASE("G8: a change before a wait ends it at once") {
    ScriptedState scripted(1);
    Flag never;
    scripted.state.freezeAtEpoch(0);
    CHECK(scripted.state.waitForChange(word::running(0), std::nullopt, never) == word::frozen(0));
    scripted.state.unfreeze();
    CHECK(scripted.state.waitForChange(word::running(0), std::nullopt, never) == word::running(1));
    CHECK(never.checks.load() == 0);
  }

  TEST_CASE("every change ends a wait at once, and not only when it next asks whether it was interrupted") {
    for (const auto& [name, change] : allChanges()) {
      CAPTURE(name);
      ScriptedState scripted(1);
      Waiter waiter(scripted.state, word::running(0));
      CHECK(waiter.isWaiting());
      change(scripted.state);
      CHECK(waiter.result() == scripted.state.word());
      CHECK(scripted.state.word() != word::running(0));
    }
  }

  TEST_CASE("a call that changes nothing does not end a wait") {
    ScriptedState scripted(1);
    Waiter waiter(scripted.state, word::running(0), std::chrono::milliseconds(1));
    CHECK(waiter.isWaiting());
    scripted.state.registerPid(105);
    scripted.state.unregisterPid(105);
    scripted.state.freezeAtEpoch(7);
    const int checks = waiter.never.checks.load();
    CHECK(waitUntil([&] { return waiter.never.checks.load() > checks + 1; }));
    CHECK_FALSE(waiter.isDone());
    scripted.state.unfreeze();
    CHECK(waiter.result() == word::running(1));
  }

  TEST_CASE("a wait ends at its deadline, and not before, with the word that it had seen") {
    ScriptedState scripted(0);
    Flag never;
    const auto deadline = Clock::now() + std::chrono::milliseconds(50);
    CHECK(scripted.state.waitForChange(word::running(0), deadline, never) == word::running(0));
    CHECK(Clock::now() >= deadline);
    CHECK(scripted.state.waitForChange(word::running(0), Clock::now(), never) == word::running(0));
  }

  TEST_CASE("a wait ends when it is interrupted") {
    ScriptedState scripted(0);
    Waiter waiter(scripted.state, word::running(0), std::chrono::milliseconds(1));
    CHECK(waiter.isWaiting());
    waiter.never.isSet = true;
    CHECK(waiter.result() == word::running(0));
  }

  TEST_CASE("one change ends all waits of many threads") {
    ScriptedState scripted(1);
    std::array<std::unique_ptr<Waiter>, 8> waiters;
    for (auto& waiter : waiters) waiter = std::make_unique<Waiter>(scripted.state, word::running(0));
    for (const auto& waiter : waiters) CHECK(waiter->isWaiting());
    scripted.state.freezeAtEpoch(0);
    for (const auto& waiter : waiters) CHECK(waiter->result() == word::frozen(0));
  }
}

}  // namespace freeze_state::test

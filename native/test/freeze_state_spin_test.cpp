#include <doctest/doctest.h>
#include <sched.h>

#include <thread>

#include "../core/os/processor.h"
#include "support/script.h"
#include "support/waiter.h"

namespace freeze_state::test {

namespace {

using namespace std::chrono_literals;

/// For as long as it lives, this thread and those that it starts use one processor, or as many as before.
class Pinned {
 public:
  Pinned() {
    REQUIRE(sched_getaffinity(0, sizeof(before_), &before_) == 0);
    int first = 0;
    while (!CPU_ISSET(first, &before_)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0);
  }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  ~Pinned() { sched_setaffinity(0, sizeof(before_), &before_); }

  int count() const { return CPU_COUNT(&before_); }

 private:
  cpu_set_t before_{};
};

}  // namespace

TEST_SUITE("spin") {
  TEST_CASE("every change ends a wait that polls") {
    for (const auto& [name, change] : allChanges()) {
      CAPTURE(name);
      ScriptedState scripted(1);
      Waiter waiter(scripted.state, word::running(0), kTooLate, kTooLate);
      CHECK(waiter.isSpinning());
      CHECK_FALSE(waiter.isDone());
      change(scripted.state);
      CHECK(waiter.result() == scripted.state.word());
      CHECK(scripted.state.word() != word::running(0));
    }
  }

  TEST_CASE("a wait that polls sees a thaw that still holds the lock") {
    if (!processor::isAnotherAvailable()) return;
    ScriptedState scripted(1);
    scripted.state.freezeAtEpoch(0);
    Waiter waiter(scripted.state, word::frozen(0), kTooLate, kTooLate);
    CHECK(waiter.isSpinning());
    scripted.script.onSend(2, [&] { CHECK(waiter.result() == word::running(1)); });
    scripted.state.unfreeze();
    CHECK(scripted.script.log() == "stop 101, continue 101");
  }

  TEST_CASE("a change after the polling ends the sleep") {
    ScriptedState scripted(1);
    Waiter waiter(scripted.state, word::running(0), kTooLate, 1ms);
    CHECK(waiter.isWaiting());
    scripted.state.freezeAtEpoch(0);
    CHECK(waiter.result() == word::frozen(0));
  }

  TEST_CASE("a change before the call ends it at once") {
    ScriptedState scripted(1);
    Flag never;
    scripted.state.freezeAtEpoch(0);
    CHECK(scripted.state.waitForChange(word::running(0), std::nullopt, never, kTooLate) == word::frozen(0));
    CHECK(never.checks.load() == 0);
  }

  TEST_CASE("a wait ends at its deadline, in the polling and after it, and not before") {
    ScriptedState scripted(0);
    for (const std::chrono::nanoseconds spin : {std::chrono::nanoseconds(kTooLate), std::chrono::nanoseconds(1ms)}) {
      CAPTURE(spin.count());
      Flag never(20ms);
      const Deadline deadline = Clock::now() + 50ms;
      CHECK(scripted.state.waitForChange(word::running(0), deadline, never, spin) == word::running(0));
      CHECK(Clock::now() >= deadline);
      CHECK(Clock::now() < deadline + kTooLate / 2);
      // After 20 and 40 ms, and before and after the sleep.
      CHECK(never.checks.load() <= 4);
    }
    Flag never;
    CHECK(scripted.state.waitForChange(word::running(0), Clock::now(), never, kTooLate) == word::running(0));
  }

  TEST_CASE("a wait that polls ends when it is interrupted") {
    ScriptedState scripted(0);
    Waiter waiter(scripted.state, word::running(0), 1ms, kTooLate);
    CHECK(waiter.isSpinning());
    waiter.never.isSet = true;
    CHECK(waiter.result() == word::running(0));
  }

  TEST_CASE("where all threads share one processor, a wait sleeps at once") {
    const Pinned pinned;
    CHECK_FALSE(processor::isAnotherAvailable());
    ScriptedState scripted(0);
    Waiter waiter(scripted.state, word::running(0), kTooLate, kTooLate);
    CHECK(waiter.isWaiting());
    scripted.state.unfreeze();
    CHECK(waiter.result() == word::running(1));
  }

  TEST_CASE("a thread with a processor of its own may poll, since the main thread has others") {
    bool isAvailable = false;
    int count = 0;
    std::thread([&] {
      const Pinned pinned;
      count = pinned.count();
      isAvailable = processor::isAnotherAvailable();
    }).join();
    CHECK(isAvailable == (count > 1));
    CHECK(processor::isAnotherAvailable() == (count > 1));
  }
}

}  // namespace freeze_state::test

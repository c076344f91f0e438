#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "../core/os/linux/procfs.h"
#include "support/script.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

using Clock = std::chrono::steady_clock;

class Flag final : public Interruption {
 public:
  explicit Flag(std::chrono::milliseconds interval = std::chrono::milliseconds(1)) : interval_(interval) {}
  std::chrono::milliseconds interval() const noexcept override { return interval_; }
  bool isInterrupted() noexcept override {
    ++checks;
    return isSet.load();
  }
  std::atomic<bool> isSet{false};
  std::atomic<int> checks{0};

 private:
  std::chrono::milliseconds interval_;
};

/// Longer than any test waits for the end of a wait: a waiter that the change itself does not wake finds it too late.
constexpr std::chrono::seconds kTooLate{30};

/// The word that a wait in another thread returned, once it has.
class Waiter {
 public:
  Waiter(FreezeState& state, std::uint64_t seen, std::chrono::milliseconds interval = kTooLate)
      : never(interval), thread_([this, &state, seen] {
          id_ = gettid();
          result_ = state.waitForChange(seen, std::nullopt, never);
          isDone_ = true;
        }) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() {
    never.isSet = true;
    thread_.join();
  }

  /// Whether it has gone to sleep. Before that it checks for an interruption.
  bool isWaiting() {
    ProcessEntry stat;
    return waitUntil([&] { return never.checks.load() > 0 && procfs::read(id_, stat) == 0 && stat.state == 'S'; });
  }
  bool isDone() const { return isDone_.load(); }
  std::uint64_t result() {
    return waitUntil([this] { return isDone_.load(); }) ? result_.load() : ~std::uint64_t{0};
  }

  Flag never;

 private:
  std::atomic<Pid> id_{0};
  std::atomic<std::uint64_t> result_{0};
  std::atomic<bool> isDone_{false};
  std::thread thread_;
};

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
    const std::vector<std::pair<const char*, std::function<void(FreezeState&)>>> changes{
        {"freeze", [](FreezeState& state) { state.freezeAtEpoch(0); }},
        {"unfreeze", [](FreezeState& state) { state.unfreeze(); }},
        {"forceUnfreeze", [](FreezeState& state) { state.forceUnfreeze(); }},
        {"hold", [](FreezeState& state) { state.hold(); }},
        {"close", [](FreezeState& state) { state.close(); }},
    };
    for (const auto& [name, change] : changes) {
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

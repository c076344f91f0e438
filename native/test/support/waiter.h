#pragma once

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "../../core/os/linux/procfs.h"
#include "../../core/os/processor.h"
#include "../../core/state/freeze_state.h"
#include "wait_until.h"

namespace freeze_state::test {

/// Interrupts a wait once it is set.
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
constexpr std::chrono::seconds kTooLate{60};

/// Everything that ends a wait, by its name.
inline const std::vector<std::pair<const char*, std::function<void(FreezeState&)>>>& allChanges() {
  static const std::vector<std::pair<const char*, std::function<void(FreezeState&)>>> changes{
      {"freeze", [](FreezeState& state) { state.freezeAtEpoch(0); }},
      {"unfreeze", [](FreezeState& state) { state.unfreeze(); }},
      {"forceUnfreeze", [](FreezeState& state) { state.forceUnfreeze(); }},
      {"hold", [](FreezeState& state) { state.hold(); }},
      {"close", [](FreezeState& state) { state.close(); }},
  };
  return changes;
}

/// A wait in another thread, and the word that it returned, once it has.
class Waiter {
 public:
  Waiter(FreezeState& state, std::uint64_t seen, std::chrono::milliseconds interval = kTooLate,
         std::chrono::nanoseconds spin = std::chrono::nanoseconds(0), std::optional<Deadline> deadline = std::nullopt)
      : never(interval), thread_([this, &state, seen, spin, deadline] {
          id_ = gettid();
          result_ = state.waitForChange(seen, deadline, never, spin);
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
  /// Whether it polls: it has used far more time of a processor than it takes to go to sleep. On one processor it
  /// sleeps instead.
  bool isSpinning() {
    if (!processor::isAnotherAvailable()) return isWaiting();
    return waitUntil([this] { return processorTime() > std::chrono::milliseconds(20); });
  }
  bool isDone() const { return isDone_.load(); }
  std::uint64_t result() {
    return waitUntil([this] { return isDone_.load(); }) ? result_.load() : ~std::uint64_t{0};
  }

  Flag never;

 private:
  std::chrono::nanoseconds processorTime() {
    clockid_t clock{};
    timespec used{};
    if (pthread_getcpuclockid(thread_.native_handle(), &clock) != 0 || clock_gettime(clock, &used) != 0) return {};
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
  }

  std::atomic<Pid> id_{0};
  std::atomic<std::uint64_t> result_{0};
  std::atomic<bool> isDone_{false};
  std::thread thread_;
};

}  // namespace freeze_state::test

#include "../core/os/condition.h"

#include <doctest/doctest.h>

#include <chrono>
#include <mutex>
#include <thread>

namespace freeze_state::test {

namespace {

using namespace std::chrono_literals;

/// Whether the wait is over, and how it ended. The lock is held at both times.
struct Wait {
  std::mutex mutex;
  Condition condition;
  bool isMet = false;

  bool until(Deadline deadline) {
    std::unique_lock lock(mutex);
    const bool result = condition.waitUntil(lock, deadline, [&] { return isMet; });
    CHECK(lock.owns_lock());
    return result;
  }
};

}  // namespace

TEST_SUITE("condition") {
  TEST_CASE("a wait ends at its deadline, and not before") {
    Wait wait;
    const Deadline deadline = Clock::now() + 20ms;
    CHECK_FALSE(wait.until(deadline));
    CHECK(Clock::now() >= deadline);
  }

  TEST_CASE("a wait whose deadline has passed asks once") {
    Wait wait;
    CHECK_FALSE(wait.until(Clock::now() - 1h));
    wait.isMet = true;
    CHECK(wait.until(Clock::now() - 1h));
  }

  TEST_CASE("each thread that waits without a deadline is woken") {
    Wait wait;
    bool areMet[2] = {};
    std::thread first([&] { areMet[0] = wait.until(kNoDeadline); });
    std::thread second([&] { areMet[1] = wait.until(kNoDeadline); });
    {
      const std::lock_guard lock(wait.mutex);
      wait.isMet = true;
      wait.condition.notifyAll();
    }
    first.join();
    second.join();
    CHECK(areMet[0]);
    CHECK(areMet[1]);
  }
}

}  // namespace freeze_state::test

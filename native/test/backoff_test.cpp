// How a confirmation lets what has not stopped yet run.
#include "../core/state/backoff.h"

#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <chrono>
#include <thread>
#include <utility>

#include "../core/os/processor.h"

namespace freeze_state::test {

namespace {

/// How often this thread has given its processor up by waiting. To yield does not count.
long waits() {
  rusage usage{};
  CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
  return usage.ru_nvcsw;
}

long waitsIn(Backoff& backoff, const Step& look, bool isEndOfSlice) {
  const long before = waits();
  backoff.after(look, isEndOfSlice);
  return waits() - before;
}

}  // namespace

TEST_SUITE("the wait between two looks at what has not stopped") {
  TEST_CASE("sleeps once no look has found anything new for some time, also at the end of a slice") {
    Backoff backoff;
    for (const bool isEndOfSlice : {false, true}) {
      CHECK(waitsIn(backoff, Step::more(), isEndOfSlice) == 0);
      CHECK(waitsIn(backoff, Step::blocked(), isEndOfSlice) == 0);
      const Deadline end = Clock::now() + Backoff::kAtOnce;
      while (Clock::now() < end) continue;
      CHECK(waitsIn(backoff, Step::blocked(), isEndOfSlice) == 1);
      CHECK(waitsIn(backoff, Step::blocked(), isEndOfSlice) == 1);
    }
  }

  TEST_CASE("sleeps for as long as it has worked, from 20 to 50 microseconds") {
    using std::chrono::microseconds;
    for (const auto& [worked, rest] : {std::pair(0, 20), {20, 20}, {35, 35}, {50, 50}, {1000, 50}})
      CHECK(processor::restAfter(microseconds(worked)) == microseconds(rest));
  }

  TEST_CASE("leaves the timer slack of the thread as it was") {
    std::thread([] {
      constexpr unsigned long kSlack = 123'456;
      REQUIRE(prctl(PR_SET_TIMERSLACK, kSlack) == 0);
      processor::sleepBriefly({});
      CHECK(prctl(PR_GET_TIMERSLACK) == static_cast<int>(kSlack));
    }).join();
  }
}

}  // namespace freeze_state::test

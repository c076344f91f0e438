#include <doctest/doctest.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <barrier>
#include <chrono>
#include <thread>

#include "support/child.h"
#include "support/describe.h"
#include "support/process_freezer.h"

namespace freeze_state::test {

namespace {

constexpr std::uint64_t kHammerRounds = 4000;
/// On a machine with no processor to spare, each round waits for one twice.
constexpr std::chrono::seconds kEnough{5};
constexpr std::chrono::nanoseconds kStep{1'000};
constexpr std::chrono::nanoseconds kMostLead{100'000};

void spin(std::chrono::nanoseconds length) {
  const auto end = std::chrono::steady_clock::now() + length;
  while (std::chrono::steady_clock::now() < end) continue;
}

/// Puts the calling thread on the first or on the last processor that it may use. Left to the scheduler, the two
/// threads often share one, and then they only take turns.
void pin(bool toFirst) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  int cpu = toFirst ? 0 : CPU_SETSIZE - 1;
  while (!CPU_ISSET(cpu, &allowed)) cpu += toFirst ? 1 : -1;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof(one), &one);
}

}  // namespace

TEST_SUITE("threads on real processes") {
  // The race of the original: there, 852 of 20,000 such rounds left processes stopped with the flag down.
  TEST_CASE("G1, G3: a freeze against an unfreeze, thousands of times, leaves nothing stopped") {
    const std::array<Child, 3> children;
    // Without a boost the members preempt the freezer between its signals, which is what gives the unfreeze its chance.
    FreezeState state(Mode::Process, processFreezer(systemControl(), {.boost = false}));
    for (const Child& child : children) REQUIRE(describe(state.registerPid(child.pid())).empty());

    int wrong = 0;
    int won = 0;
    int lost = 0;
    std::barrier rounds(2);
    const auto deadline = std::chrono::steady_clock::now() + kEnough;
    std::atomic<bool> isOver{false};
    // The round in which the freezer is about to call. Watched without sleeping: a thread that had to be woken would
    // come too late for the race.
    std::atomic<std::uint64_t> freezing{0};
    // How much earlier than the unfreeze the freeze begins. Each round moves it towards the other outcome, so that most
    // rounds are at the edge, where the unfreeze meets the freeze in its loop.
    std::atomic<std::chrono::nanoseconds> lead{};

    std::thread freezer([&] {
      pin(true);
      for (std::uint64_t round = 1; !isOver; ++round) {
        const std::uint64_t epoch = word::epochOf(state.word());
        freezing = round;
        spin(-lead.load());
        const bool hasWon = state.freezeAtEpoch(epoch).frozen;
        (hasWon ? won : lost) += 1;
        lead = std::clamp(lead.load() + (hasWon ? -kStep : kStep), -kMostLead, kMostLead);
        rounds.arrive_and_wait();
        rounds.arrive_and_wait();
      }
    });
    std::thread unfreezer([&] {
      pin(false);
      for (std::uint64_t round = 1; !isOver; ++round) {
        while (freezing < round) continue;
        spin(lead);
        if (!state.unfreeze().empty()) ++wrong;
        rounds.arrive_and_wait();
        // Whichever came first: a freeze that comes second is stale.
        if (word::isFrozen(state.word())) ++wrong;
        for (const Child& child : children) wrong += child.comesToRun() ? 0 : 1;
        isOver = round == kHammerRounds || std::chrono::steady_clock::now() > deadline;
        rounds.arrive_and_wait();
      }
    });
    freezer.join();
    unfreezer.join();
    CHECK(wrong == 0);
    // About half and half with two processors; with one, the two threads only take turns.
    MESSAGE("freezes that won: " << won << ", that lost: " << lost);
  }
}

}  // namespace freeze_state::test

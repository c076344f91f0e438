#include <doctest/doctest.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "../core/state/confirmation.h"
#include "support/model.h"
#include "support/process_freezer.h"

namespace freeze_state::test {

namespace {

constexpr std::size_t kThreads = 8;
constexpr std::uint64_t kRounds = 400;
constexpr int kCallsPerRound = 40;
/// Members for as long as the state is open; the rest come and go.
constexpr std::size_t kStanding = 4;
/// The last rounds close the state somewhere among the other calls.
constexpr std::uint64_t kClosingRounds = 20;

/// The mark of a freezer's stops: the epoch, and a number that no other call has, so that a call knows its own stops.
constexpr std::uint64_t kCallBits = 32;
constexpr std::uint64_t markOf(std::uint64_t epoch, std::uint64_t call) { return (epoch + 1) << kCallBits | call; }
constexpr bool isOlder(std::uint64_t mark, std::uint64_t epoch) {
  return mark != Model::kRunning && mark != 0 && mark >> kCallBits <= epoch;
}

/// A state that many threads use at once, and what must hold of it at each moment and between rounds.
class Storm {
 public:
  Storm() { renew(); }

  /// One thread's calls of a round. Counts what broke a promise.
  void callAtRandom(std::mt19937_64& random, bool mayClose) {
    for (int call = 0; call < kCallsPerRound; ++call) {
      const Pid passing = Model::kFirst + static_cast<Pid>(kStanding + (random() % (Model::kProcesses - kStanding)));
      switch (random() % (mayClose ? 21 : 20)) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
        case 5: freeze(); break;
        case 6:
        case 7:
        case 8: unfreeze(); break;
        case 9:
        case 10:
          Model::setCaller(0);
          state_->registerPid(passing);
          break;
        case 11:
        case 12: state_->unregisterPid(passing); break;
        case 13: state_->forceUnfreeze(); break;
        case 14: state_->pids(); break;
        case 15: probe(); break;
        case 16: hold(); break;
        case 17: wait(std::chrono::microseconds(25 * (random() % 3))); break;
        case 18:
        case 19: confirm(random() % (2 * kStanding)); break;
        default: state_->close(); break;
      }
    }
  }

  /// With no call in progress: the word says what the processes are.
  void check() {
    const std::uint64_t word = state_->word();
    const auto pids = state_->pids();
    for (std::size_t process = 0; process < Model::kProcesses; ++process) {
      const Pid pid = Model::kFirst + static_cast<Pid>(process);
      const bool isMember = pids && std::ranges::find(*pids, pid) != pids->end();
      const bool isStopped = model_.stoppedBy(process) != Model::kRunning;
      if (isStopped != (isMember && word::isFrozen(word))) ++wrongBetweenRounds;
    }
    (word::isFrozen(word) ? frozenRounds : runningRounds) += 1;
    if (!pids) renew();
  }

  std::atomic<int> stoppedAfterThaw{0};    ///< against G1
  std::atomic<int> stoppedAfterFalse{0};   ///< against G3
  std::atomic<int> runningWhileFrozen{0};  ///< against G5
  std::atomic<int> frozenWhileHeld{0};
  std::atomic<int> freezes{0};
  std::atomic<int> heard{0};
  std::atomic<int> wordsThatShrank{0};
  std::atomic<int> confirmed{0};
  std::atomic<int> abandoned{0};
  int wrongBetweenRounds = 0;
  int frozenRounds = 0;
  int runningRounds = 0;
  int renewals = 0;

 private:
  void renew() {
    state_ = std::make_shared<FreezeState>(Mode::Process, processFreezer(model_, {.boost = false}));
    for (std::size_t i = 0; i < kStanding; ++i) state_->registerPid(Model::kFirst + static_cast<Pid>(i));
    ++renewals;
  }

  void freeze() {
    const std::uint64_t epoch = word::epochOf(state_->word());
    // After a close this is not a valid epoch, and the freeze would be refused.
    if (epoch > word::kMaxEpoch) return;
    const std::uint64_t mark = markOf(epoch, ++freezeCalls_);
    Model::setCaller(mark);
    if (state_->freezeAtEpoch(epoch).frozen) {
      ++freezes;
      return;
    }
    for (std::size_t i = 0; i < Model::kProcesses; ++i) stoppedAfterFalse += model_.stoppedBy(i) == mark ? 1 : 0;
  }

  /// Takes this many steps of a confirmation, each as short as it can be. Then drops it, done or not.
  void confirm(std::uint64_t steps) {
    const std::uint64_t epoch = word::epochOf(state_->word());
    if (epoch > word::kMaxEpoch) return;
    Model::setCaller(markOf(epoch, ++freezeCalls_));
    Confirmation confirmation(state_, epoch, nullptr);
    auto stage = Confirmation::Stage::Freezing;
    for (std::uint64_t step = 0; step <= steps && stage == Confirmation::Stage::Freezing; ++step)
      stage = confirmation.step(Deadline::min()).stage;
    (stage == Confirmation::Stage::Freezing ? abandoned : confirmed) += 1;
    if (stage == Confirmation::Stage::Stopping && steps % 2 == 0) confirmation.rollBack(Confirmation::Whose::Own);
  }

  void unfreeze() {
    const std::uint64_t epoch = word::epochOf(state_->word());
    if (epoch > word::kMaxEpoch || !state_->unfreeze().empty()) return;
    for (std::size_t i = 0; i < kStanding; ++i) stoppedAfterThaw += isOlder(model_.stoppedBy(i), epoch + 1) ? 1 : 0;
  }

  /// The word only grows, so if it is the same before and after, it was the same in between.
  void probe() {
    const std::uint64_t before = state_->word();
    int running = 0;
    for (std::size_t i = 0; i < kStanding; ++i) running += model_.stoppedBy(i) == Model::kRunning ? 1 : 0;
    if (word::isFrozen(before) && state_->word() == before) runningWhileFrozen += running;
  }

  void hold() {
    if (!state_->hold().empty()) return;
    frozenWhileHeld += word::isFrozen(state_->word()) ? 1 : 0;
    state_->release();
  }

  /// A short wait, with a listener for its time: the listener is gone from the list before it is gone. It polls for all
  /// of its time, for a part, or not at all.
  void wait(std::chrono::microseconds spin) {
    class Ear final : public Listener {
     public:
      explicit Ear(std::atomic<int>& heard) : heard_(heard) {}
      void stateChanged() noexcept override { ++heard_; }

     private:
      std::atomic<int>& heard_;
    } ear(heard);
    class Never final : public Interruption {
     public:
      std::chrono::milliseconds interval() const noexcept override { return std::chrono::milliseconds(20); }
      bool isInterrupted() noexcept override { return false; }
    } never;
    state_->addListener(ear);
    const std::uint64_t seen = state_->word();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
    wordsThatShrank += state_->waitForChange(seen, deadline, never, spin) < seen ? 1 : 0;
    state_->removeListener(ear);
  }

  std::atomic<std::uint64_t> freezeCalls_{0};
  Model model_;
  std::shared_ptr<FreezeState> state_;
};

}  // namespace

TEST_SUITE("threads on a model") {
  TEST_CASE("G1, G3, G5: whatever eight threads do at once, the word and the processes agree") {
    Storm storm;
    std::barrier rounds(kThreads, [&storm]() noexcept { storm.check(); });
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (std::size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        std::mt19937_64 random(i);
        for (std::uint64_t round = 0; round < kRounds; ++round) {
          storm.callAtRandom(random, round >= kRounds - kClosingRounds);
          rounds.arrive_and_wait();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(storm.stoppedAfterThaw.load() == 0);
    CHECK(storm.stoppedAfterFalse.load() == 0);
    CHECK(storm.runningWhileFrozen.load() == 0);
    CHECK(storm.frozenWhileHeld.load() == 0);
    CHECK(storm.wordsThatShrank.load() == 0);
    CHECK(storm.wrongBetweenRounds == 0);
    // The storm has reached everything: it froze, it ended rounds frozen and others running, and it closed.
    CHECK(storm.freezes.load() > 100);
    CHECK(storm.frozenRounds > 10);
    CHECK(storm.runningRounds > 10);
    CHECK(storm.renewals > 1);
    CHECK(storm.heard.load() > 0);
    CHECK(storm.confirmed.load() > 100);
    CHECK(storm.abandoned.load() > 100);
  }
}

}  // namespace freeze_state::test

#include "../core/state/live_states.h"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "../core/modes/none.h"
#include "../core/process_token.h"
#include "support/counting_listener.h"
#include "support/script.h"

namespace freeze_state::test {

namespace {

constexpr std::size_t kThreads = 8;
constexpr std::uint64_t kRounds = 2000;
constexpr std::size_t kStands = 3;

/// States that several threads replace, find by their ids, use and close.
class Market {
 public:
  /// The state that stood here before goes with its last holder, which may be any thread.
  void replace(std::size_t stand) {
    auto state = std::make_shared<FreezeState>(Mode::None, std::make_unique<NoneFreezer>(script_));
    live_states::share(*state);
    ids_[stand] = state->id();
    const std::lock_guard lock(mutex_);
    states_[stand].swap(state);
  }

  void drop(std::size_t stand) {
    std::shared_ptr<FreezeState> last;
    const std::lock_guard lock(mutex_);
    states_[stand].swap(last);
  }

  /// Uses a state as another thread of Node does with a handle.
  void use(std::size_t stand, bool closes) {
    const std::shared_ptr<FreezeState> state = live_states::find(ids_[stand]);
    if (!state) return;
    ++found;
    CountingListener ear;
    state->addListener(ear);
    const std::uint64_t before = state->word();
    state->unfreeze(&ear);
    if (closes) state->close(&ear);
    if (state->word() <= before && before != word::kClosed) ++wrong;
    state->removeListener(ear);
  }

  std::atomic<int> found{0};
  std::atomic<int> wrong{0};

 private:
  Script script_;
  std::array<std::atomic<std::uint64_t>, kStands> ids_{};
  std::mutex mutex_;
  std::array<std::shared_ptr<FreezeState>, kStands> states_;  // guarded by mutex_
};

}  // namespace

TEST_SUITE("live states") {
  TEST_CASE("states are found by their id for as long as they are held") {
    Script script;
    auto state = std::make_shared<FreezeState>(Mode::None, std::make_unique<NoneFreezer>(script));
    const std::uint64_t id = state->id();
    CHECK(live_states::find(id) == nullptr);  // no thread shared it yet
    live_states::share(*state);
    CHECK(live_states::find(id) == state);
    CHECK(live_states::wasGiven(id));
    CHECK_FALSE(live_states::wasGiven(id + 1));
    CHECK_FALSE(live_states::wasGiven(0));
    state.reset();
    CHECK(live_states::find(id) == nullptr);
    CHECK(live_states::wasGiven(id));
    CHECK(processToken() != 0);
  }

  TEST_CASE("states are made, found, closed and dropped by several threads at once") {
    Market market;
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (std::size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&market, i] {
        std::mt19937_64 random(i);
        for (std::uint64_t round = 0; round < kRounds; ++round) {
          const std::size_t stand = random() % kStands;
          switch (random() % 8) {
            case 0: market.replace(stand); break;
            case 1: market.drop(stand); break;
            default: market.use(stand, random() % 16 == 0);
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(market.found.load() > 100);
    CHECK(market.wrong.load() == 0);
  }
}

}  // namespace freeze_state::test

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "../core/platform/platform.h"
#include "../core/state/freeze_state.h"
#include "support/child.h"
#include "support/describe.h"

namespace {

/// The allocations of this thread, so that those of other threads do not count.
thread_local std::size_t allocations = 0;

}  // namespace

// The other forms of new call this one. malloc(3) itself is not counted: the core never calls it. Not inlined, since
// GCC takes the pair for mismatched then. NOLINTBEGIN(*-no-malloc,*-owning-memory)
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size); memory != nullptr) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
// NOLINTEND(*-no-malloc,*-owning-memory)

namespace freeze_state::test {

namespace {

template <typename Operation>
std::size_t allocationsOf(Operation operation) {
  const std::size_t before = allocations;
  operation();
  return allocations - before;
}

std::shared_ptr<FreezeState> stateOf(Mode mode) {
  return std::make_shared<FreezeState>(mode, std::move(makeFreezer(mode, {}, {}, OnDeath::Thaw).freezer));
}

}  // namespace

// What freeze_state.h says of allocations. Two modes are left out: a freeze of a tree keeps lists of the processes that
// it finds, and a freeze of a control group builds paths of files.
TEST_SUITE("allocations") {
  TEST_CASE("the count sees what a vector allocates") {
    CHECK(allocationsOf([] { const std::vector<int> some(3); }) == 1);
  }

  TEST_CASE("a freeze and a thaw that succeed allocate nothing") {
    Mode mode = Mode::None;
    SUBCASE("none") {}
    SUBCASE("process") { mode = Mode::Process; }
    SUBCASE("process-group") { mode = Mode::ProcessGroup; }
    const std::array<Child, 3> children;
    const auto state = stateOf(mode);
    for (const Child& child : children) {
      REQUIRE(setpgid(child.pid(), child.pid()) == 0);
      REQUIRE(describe(state->registerPid(child.pid())).empty());
    }
    for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
      FreezeResult result;
      Failures failures;
      CHECK(allocationsOf([&] { result = state->freezeAtEpoch(epoch); }) == 0);
      CHECK(describe(result) == (mode == Mode::None ? "not frozen" : "frozen"));
      CHECK(allocationsOf([&] { failures = state->unfreeze(); }) == 0);
      CHECK(describe(failures).empty());
    }
  }
}

}  // namespace freeze_state::test

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "support/confirming.h"
#include "support/describe.h"
#include "support/meanwhile.h"
#include "support/scripted_tree.h"

namespace freeze_state::test {

TEST_SUITE("thaws during a freeze of a tree") {
  TEST_CASE("G6: a thaw ends a probe of many threads in the middle, in a freeze and in a confirmation") {
    for (const bool isConfirming : {false, true}) {
      ScriptedTree tree;
      Confirmation confirmation(tree.state, 0, nullptr);
      if (isConfirming) {
        // Stopped by its tracer, so that the freeze is done before it is confirmed.
        tree.script.seenAs(101, ProcessState::Traced);
        while (confirmation.step(kOver).stage == Stage::Freezing) {
        }
        REQUIRE(tree.state->word() == word::frozen(0));
      }
      Meanwhile thaw;
      tree.script.cutShort(101, 1);
      tree.script.onProbe([&] { CHECK(thaw.move(*tree.state, [&] { tree.state->unfreeze(); })); });
      if (isConfirming)
        CHECK(confirmation.step(kNoDeadline).stage == Stage::Passed);
      else
        CHECK_FALSE(tree.state->freezeAtEpoch(0).frozen);
      thaw.join();
      CHECK(tree.script.cutsLeft(101) == 0);
      CHECK(tree.script.stoppedCount() == 0);
    }
  }

  TEST_CASE("G6: a thaw cuts short the probe of a child whose first thread has exited, which is not signalled") {
    ScriptedTree tree;
    tree.table.leaderless.insert(202);
    Meanwhile thaw;
    tree.table.onProbe = [&] { CHECK(thaw.move(*tree.state, [&] { tree.state->unfreeze(); })); };
    CHECK_FALSE(tree.state->freezeAtEpoch(0).frozen);
    thaw.join();
    CHECK(tree.script.log() == "stop 101, continue 101");
    CHECK(tree.script.held() == std::multiset<Pid>{101});
  }

  TEST_CASE("G6: a thaw cuts a probe of inspect short, which is repeated, and finished in spite of more thaws") {
    ScriptedTree tree;
    constexpr int kThaws = 5;
    tree.script.cutShort(101, kThaws);
    std::vector<std::unique_ptr<Meanwhile>> thaws;
    std::function<void()> thaw = [&] {
      if (thaws.size() == kThaws) return;
      thaws.push_back(std::make_unique<Meanwhile>());
      CHECK(thaws.back()->move(*tree.state, [&] { tree.state->unfreeze(); }));
      tree.script.onProbe(thaw);
    };
    tree.script.onProbe(thaw);
    const auto statuses = tree.state->inspect();
    thaws.clear();
    REQUIRE(statuses.has_value());
    CHECK(statuses.value_or(std::vector<MemberStatus>()).front().state == ProcessState::Sleeping);
    // Two thaws have cut a probe short; the third probe went to its end.
    CHECK(tree.script.cutsLeft(101) == kThaws - 2);
  }

  TEST_CASE("G6: no stop follows a thaw, whichever signal it comes with") {
    for (std::size_t nth = 1; nth <= 4; ++nth) {
      ScriptedTree tree;
      Meanwhile thaw;
      tree.script.onSend(nth, [&] { CHECK(thaw.move(*tree.state, [&] { tree.state->unfreeze(); })); });
      CHECK(describe(tree.state->freezeAtEpoch(0)) == "not frozen");
      thaw.join();
      CHECK(tree.script.count(Signal::Stop) == nth);
      CHECK(tree.script.stoppedCount() == 0);
    }
  }
}

}  // namespace freeze_state::test

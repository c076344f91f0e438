#include <doctest/doctest.h>

#include <cerrno>

#include "support/child.h"
#include "support/controls.h"
#include "support/describe.h"
#include "support/descriptors.h"
#include "support/process_freezer.h"

namespace freeze_state::test {

TEST_SUITE("controls without descriptors") {
  TEST_CASE_TEMPLATE("a registration for which no descriptor is left fails, and leaves nothing behind", S, PidfdControl,
                     StartTimeControl) {
    if (!isUsable<S>()) return;
    const Child child;
    S control;
    FreezeState state(Mode::Process, processFreezer(control));
    const std::size_t before = openDescriptors();
    // Once with descriptors: the undefined behaviour sanitizer itself needs one, at the first of its virtual calls.
    CHECK(describe(state.registerPid(child.pid())).empty());
    CHECK(state.unregisterPid(child.pid()).found);
    {
      const DescriptorLimit limit(DescriptorLimit::none());
      CHECK(describe(state.registerPid(child.pid())) == "ResourceExhausted " + std::to_string(child.pid()) + " EMFILE");
    }
    CHECK(describe(state.pids()).empty());
    CHECK(openDescriptors() == before);
    CHECK(describe(state.registerPid(child.pid())).empty());
  }

  // Here the start-time control has to open /proc for each signal, and must not take a live member for a gone one:
  // it would be forgotten while it is stopped.
  TEST_CASE_TEMPLATE("without a free descriptor no living process is taken for gone, and none stays stopped", S,
                     PidfdControl, StartTimeControl, KillControl) {
    if (!isUsable<S>()) return;
    const Child child;
    S control;
    FreezeState state(Mode::Process, processFreezer(control));
    REQUIRE(describe(state.registerPid(child.pid())).empty());
    REQUIRE(describe(state.freezeAtEpoch(0)) == "frozen");
    REQUIRE(child.comesToStop());
    {
      const DescriptorLimit limit(DescriptorLimit::none());
      const Failures failures = state.unfreeze();
      for (const Failure& failure : failures) {
        CHECK(failure.error == EMFILE);
        CHECK(failure.isStopped);
      }
      const FreezeResult result = state.freezeAtEpoch(1);
      CHECK((result.frozen || describe(result).starts_with("SignalFailed")));
    }
    CHECK(describe(state.pids()) == std::to_string(child.pid()));
    CHECK(describe(state.unfreeze()).empty());
    CHECK(child.comesToRun());
  }
}

}  // namespace freeze_state::test

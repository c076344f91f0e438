#include <doctest/doctest.h>

#include <cerrno>

#include "support/describe.h"
#include "support/fake_cgroup.h"
#include "support/faults.h"
#include "support/scripted_ledger.h"

namespace freeze_state::test {

namespace {

constexpr const char* kFreezeWrite = "pwrite cgroup.freeze";

}  // namespace

TEST_SUITE("faults of a control group that is removed") {
  // ENODEV once it was removed, and ENOENT while rmdir(2) is in progress.
  TEST_CASE("a thaw that finds the group removed is no error, and leaves no claim and no mark") {
    for (const int error : {ENOENT, ENODEV}) {
      for (const bool isForced : {false, true}) {
        CAPTURE(error);
        CAPTURE(isForced);
        FakeCgroup fake;
        const auto other = fake.make();
        fake.state->registerPid(101);
        other->registerPid(102);
        REQUIRE(describe(fake.state->freezeAtEpoch(0)) == "frozen");
        Faults faults;
        faults.begin({kFreezeWrite, 1, error});
        if (isForced)
          CHECK(fake.state->forceUnfreeze());
        else
          CHECK(describe(fake.state->unfreeze()).empty());
        CHECK(faults.counts().at(kFreezeWrite) == 1);
        faults.end();
        CHECK_FALSE(word::isFrozen(fake.state->word()));
        CHECK(fake.ledger.marked().empty());
        // Another group of that name, as a foreign process may make it.
        Hierarchy::write(fake.all.group(), "cgroup.freeze", "0\n");
        CHECK(describe(other->freezeAtEpoch(0)) == "frozen");
      }
    }
  }

  TEST_CASE("a freeze that finds the group removed fails, and leaves no claim and no mark") {
    for (const int error : {ENOENT, ENODEV}) {
      CAPTURE(error);
      FakeCgroup fake;
      const auto other = fake.make();
      fake.state->registerPid(101);
      other->registerPid(102);
      Faults faults;
      faults.begin({kFreezeWrite, 1, error});
      CHECK(describe(fake.state->freezeAtEpoch(0)).starts_with("CgroupGone"));
      faults.end();
      CHECK_FALSE(word::isFrozen(fake.state->word()));
      CHECK(fake.ledger.marked().empty());
      CHECK(describe(other->freezeAtEpoch(0)) == "frozen");
    }
  }
}

}  // namespace freeze_state::test

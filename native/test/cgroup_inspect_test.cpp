// native/core/modes/cgroup/freezer.cpp: what a state in mode cgroup tells of its processes, and what it has left to do
// after a thaw.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "support/describe.h"
#include "support/fake_cgroup.h"

namespace freeze_state::test {

namespace {

/// `101 stopped by us, 102 runs`: what an inspection shows.
std::string inspect(const FakeCgroup& fake) {
  const auto all = fake.state->inspect();
  if (!all) return "closed";
  std::string text;
  for (const MemberStatus& one : *all) {
    text += (text.empty() ? "" : ", ") + std::to_string(one.pid);
    text += one.state == ProcessState::Stopped ? " stopped" : " runs";
    if (one.isStoppedByUs) text += " by us";
    if (!one.isRegistered) text += ", not registered";
  }
  return text;
}

}  // namespace

TEST_SUITE("mode cgroup tells of its processes") {
  TEST_CASE("every process in a group that we freeze is ours at once, and stopped when the kernel has frozen it") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    fake.all.put(500);
    CHECK(inspect(fake) == "101 runs, 500 runs, not registered");
    fake.state->freezeAtEpoch(0);
    CHECK(inspect(fake) == "101 runs by us, 500 runs by us, not registered");
    fake.all.update();
    CHECK(inspect(fake) == "101 stopped by us, 500 stopped by us, not registered");
  }

  TEST_CASE("a group that others have thawed is not stopped by us, and neither is a member that they moved out") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    fake.state->freezeAtEpoch(0);
    fake.all.update();
    fake.all.where[101] = fake.all.origin();
    CHECK(inspect(fake) == "101 runs");
    fake.all.where[101] = fake.all.group();
    Hierarchy::write(fake.all.group(), "cgroup.freeze", "0\n");
    fake.all.update();
    CHECK(inspect(fake) == "101 runs");
  }
}

TEST_SUITE("mode cgroup, beside what others do to the group") {
  TEST_CASE("a thaw below a group that others have frozen meanwhile names that group") {
    for (const bool hadFrozen : {true, false}) {
      CAPTURE(hadFrozen);
      const FakeCgroup fake;
      fake.state->registerPid(101);
      fake.state->freezeAtEpoch(0);
      if (hadFrozen) fake.all.update();
      Hierarchy::write(fake.all.root + "/by", "cgroup.freeze", "1\n");
      const Failures failures = fake.state->unfreeze();
      REQUIRE(failures.size() == 1);
      CHECK(failures.front().code == FailureCode::CgroupFrozen);
      CHECK(failures.front().path == fake.all.root + "/by");
      CHECK_FALSE(fake.all.isFrozen());
      CHECK(fake.ledger.marked().empty());
    }
  }

  TEST_CASE("a forced thaw signals every process of an owned group, and of an external one the members alone") {
    for (const bool isOwned : {true, false}) {
      CAPTURE(isOwned);
      FakeCgroup fake(isOwned);
      fake.state->registerPid(101);
      fake.all.put(500);
      fake.state->freezeAtEpoch(0);
      fake.state->forceUnfreeze();
      CHECK(fake.script.log() == (isOwned ? "continue 101, continue 500" : "continue 101"));
      CHECK(fake.script.held() == std::multiset<Pid>{101});
    }
  }

  TEST_CASE("an owned group is frozen for what its members left in it, and an external one is not") {
    for (const bool isOwned : {true, false}) {
      CAPTURE(isOwned);
      FakeCgroup fake(isOwned);
      fake.state->registerPid(101);
      fake.all.put(500);
      fake.all.where.erase(101);
      fake.all.list();
      fake.all.update();
      fake.script.exited(101);
      CHECK(describe(fake.state->freezeAtEpoch(0)) == (isOwned ? "frozen" : "ProcessNotFound 101 ESRCH"));
    }
  }
}

}  // namespace freeze_state::test

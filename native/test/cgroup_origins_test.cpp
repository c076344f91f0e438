#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "../core/modes/cgroup/origins.h"

namespace freeze_state::test {

TEST_SUITE("which of several states holds a process") {
  TEST_CASE("each state knows where it took a process from, until it forgets it or has no group any more") {
    Origins registry;
    const auto owner = registry.enter("/m/one", true).owner;
    for (const Pid pid : {101, 102, 103}) registry.note(owner, pid, "/m/origin/" + std::to_string(pid));
    CHECK(registry.of(owner, 101) == "/m/origin/101");
    registry.forget(owner, 101);
    CHECK_FALSE(registry.of(owner, 101));
    registry.keepOnly(owner, {103, 104});
    CHECK_FALSE(registry.of(owner, 102));
    CHECK(registry.countOf(owner) == 1);
    CHECK(registry.leave(owner) == OriginMap{{103, "/m/origin/103"}});
    CHECK(registry.leave(owner).empty());
    registry.note(owner, 101, "/m/origin");
    CHECK_FALSE(registry.of(owner, 101));
  }

  TEST_CASE(
      "a state holds every process in a group that it owns, and in an external group only those that it has taken") {
    Origins registry;
    const auto made = registry.enter("/m/made", true).owner;
    const auto given = registry.enter("/m/given", false).owner;
    const auto taker = registry.enter("/m/taker", true).owner;
    for (const auto owner : {made, given}) registry.note(owner, 101, "/m/origin");
    CHECK(registry.holderOf(taker, 101, "/m/made") == "/m/made");
    CHECK(registry.holderOf(taker, 102, "/m/made/below") == "/m/made");
    CHECK(registry.holderOf(taker, 101, "/m/given") == "/m/given");
    CHECK(registry.holderOf(taker, 102, "/m/given").empty());
    // A foreign process has moved 101 out.
    CHECK(registry.holderOf(taker, 101, "/m/origin").empty());
    CHECK(registry.holderOf(made, 101, "/m/made/below").empty());
    registry.leave(made);
    CHECK(registry.holderOf(taker, 101, "/m/made").empty());
  }

  TEST_CASE("a group below that of another state is held by its own state alone") {
    Origins registry;
    const auto above = registry.enter("/m/above", true).owner;
    const auto below = registry.enter("/m/above/below", true).owner;
    CHECK(registry.holderOf(below, 101, "/m/above/below").empty());
    CHECK(registry.holderOf(above, 101, "/m/above/below") == "/m/above/below");
    CHECK(registry.holderOf(below, 101, "/m/above") == "/m/above");
  }

  TEST_CASE("states with the same group share the claim on its freeze, and see which processes the others have taken") {
    Origins registry;
    const auto first = registry.enter("/m/given", false);
    const auto second = registry.enter("/m/given", false);
    CHECK(first.claim == second.claim);
    CHECK(registry.enter("/m/other", false).claim != first.claim);
    registry.note(first.owner, 101, "/m/origin");
    CHECK(registry.holderOf(second.owner, 101, "/m/given").empty());
    CHECK(registry.ofSharers(second.owner, "/m/given", 101) == "/m/origin");
    CHECK_FALSE(registry.ofSharers(first.owner, "/m/given", 101));
    CHECK(registry.takenBySharers(second.owner, "/m/given") == std::vector<Pid>{101});
    CHECK(registry.takenBySharers(first.owner, "/m/given").empty());
  }
}

}  // namespace freeze_state::test

#include "../core/modes/member_list.h"

#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "support/describe.h"
#include "support/script.h"

namespace freeze_state::test {

namespace {

Member& add(MemberList& members, Script& script, Pid pid) {
  Process process;
  REQUIRE(describe(script.open(pid, process)).empty());
  return members.add({.process = process});
}

}  // namespace

TEST_SUITE("member list") {
  TEST_CASE("the living member is found where a dead one has the same pid, and the dead one where there is no other") {
    Script script;
    MemberList members(script);
    add(members, script, 101).process.hasExited = true;
    REQUIRE(members.find(101) != nullptr);
    CHECK(members.find(101)->hasExited());
    add(members, script, 101);
    REQUIRE(members.find(101) != nullptr);
    CHECK_FALSE(members.find(101)->hasExited());
    CHECK(members.find(102) == nullptr);
  }

  TEST_CASE("all members are asked about, also where there are more than one call takes") {
    constexpr Pid kFirst = 1000;
    constexpr Pid kLast = 1599;
    // A call asks about 256: these are the first and the last of one call, and of the next ones.
    const std::set<Pid> dead{1000, 1255, 1256, 1511, 1512, 1599};
    Script script;
    MemberList members(script);
    for (Pid pid = kFirst; pid <= kLast; ++pid) add(members, script, pid);
    for (const Pid pid : dead) script.exited(pid);
    members.refresh();
    for (const Member& member : members.all()) {
      if (member.hasExited() != dead.contains(member.pid())) FAIL_CHECK("wrong about " << member.pid());
    }
    members.dropExited();
    CHECK(members.size() == 600 - dead.size());
  }

  TEST_CASE("every member that is forgotten is released, and the others keep their order") {
    Script script;
    {
      MemberList members(script);
      for (const Pid pid : {101, 102, 103, 104}) add(members, script, pid);
      members.remove(*members.find(102));
      CHECK(script.held() == std::multiset<Pid>{101, 103, 104});
      members.find(101)->process.hasExited = true;
      members.dropExited();
      CHECK(script.held() == std::multiset<Pid>{103, 104});
      CHECK(members.pids() == std::vector<Pid>{103, 104});
    }
    CHECK(script.held().empty());
  }

  TEST_CASE("the list knows whether any member lives, or is stopped by us") {
    Script script;
    MemberList members(script);
    CHECK_FALSE(members.isAnyAlive());
    add(members, script, 101).process.hasExited = true;
    CHECK_FALSE(members.isAnyAlive());
    add(members, script, 102);
    CHECK(members.isAnyAlive());
    CHECK_FALSE(members.isAnyStopped());
    members.find(102)->stop.isSent = true;
    CHECK(members.isAnyStopped());
    CHECK(describe(members.deaths()) == "ProcessNotFound 101 ESRCH, ProcessNotFound 102 ESRCH");
  }
}

}  // namespace freeze_state::test

#include "../core/modes/descendants.h"

#include <doctest/doctest.h>

#include <set>

#include "support/script.h"

namespace freeze_state::test {

namespace {

struct Found {
  Member& add(Pid pid, Pid parent) {
    Member member;
    script.open(pid, member.process);
    member.stop.isSent = true;
    descendants.add(std::move(member), parent);
    return *descendants.list.find(pid);
  }

  Script script;
  Descendants descendants{script};
};

}  // namespace

TEST_SUITE("descendants") {
  TEST_CASE("a descendant has the parent that it was found with") {
    Found found;
    found.add(201, 101);
    found.add(301, 201);
    CHECK(found.descendants.parentOf(201) == 101);
    CHECK(found.descendants.parentOf(301) == 201);
    CHECK(found.descendants.parentOf(101) == 0);
    CHECK(found.descendants.list.pids() == std::vector<Pid>{201, 301});
  }

  TEST_CASE("a descendant that is removed is released, and has no parent any more") {
    Found found;
    found.add(301, 201);
    found.descendants.remove(found.add(201, 101));
    CHECK(found.descendants.parentOf(201) == 0);
    CHECK(found.descendants.parentOf(301) == 201);
    CHECK(found.script.held() == std::multiset<Pid>{301});
  }

  TEST_CASE("where a pid was reused, the parent of the living process stays when the dead one is removed") {
    Found found;
    Member& dead = found.add(201, 101);
    dead.process.hasExited = true;
    found.add(201, 102);
    CHECK(found.descendants.parentOf(201) == 102);
    found.descendants.remove(found.descendants.list.all().front());
    CHECK(found.descendants.list.size() == 1);
    CHECK(found.descendants.parentOf(201) == 102);
  }

  TEST_CASE("only the descendants that live and are stopped by us are kept for the next thaw") {
    Found found;
    found.add(201, 101).process.hasExited = true;
    found.add(202, 101).stop.isSent = false;
    found.add(203, 101);
    found.descendants.dropResumed();
    CHECK(found.descendants.list.pids() == std::vector<Pid>{203});
    CHECK(found.descendants.parentOf(203) == 101);
    CHECK(found.script.held() == std::multiset<Pid>{203});
    found.descendants.list.find(203)->stop.isSent = false;
    found.descendants.dropResumed();
    CHECK(found.descendants.list.isEmpty());
    CHECK(found.descendants.parentOf(203) == 0);
  }

  TEST_CASE("among chosen descendants those that are gone or not stopped by us are dropped, and no others") {
    Found found;
    found.add(201, 101).stop.isSent = false;
    found.add(202, 101).process.hasExited = true;
    found.add(203, 101);
    found.add(204, 101).stop.isSent = false;
    found.descendants.closeResumed({201, 202, 203});
    CHECK(found.descendants.list.pids() == std::vector<Pid>{203, 204});
    CHECK(found.descendants.parentOf(201) == 0);
    CHECK(found.descendants.parentOf(202) == 0);
    CHECK(found.descendants.parentOf(204) == 101);
    CHECK(found.script.held() == std::multiset<Pid>{203, 204});
  }

  TEST_CASE("all descendants are released at the end") {
    Found found;
    found.add(201, 101);
    found.descendants.clear();
    CHECK(found.descendants.list.isEmpty());
    CHECK(found.descendants.parentOf(201) == 0);
    CHECK(found.script.held().empty());
  }
}

}  // namespace freeze_state::test

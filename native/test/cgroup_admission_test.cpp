#include <doctest/doctest.h>

#include <cerrno>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../core/modes/cgroup/admission.h"
#include "support/describe.h"
#include "support/fake_cgroup.h"
#include "support/meanwhile.h"

namespace freeze_state::test {

TEST_SUITE("admission to a cgroup, on a fake hierarchy") {
  TEST_CASE("a member is moved in when it is registered, and back when it is unregistered or the state is closed") {
    FakeCgroup fake;
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(describe(fake.state->registerPid(102)).empty());
    CHECK(fake.placeOf(101) == fake.all.group());
    CHECK(fake.state->unregisterPid(101).found);
    CHECK(fake.placeOf(101) == fake.all.origin());
    CHECK(describe(fake.state->close()).empty());
    CHECK(fake.placeOf(102) == fake.all.origin());
    CHECK(fake.script.held().empty());
  }

  TEST_CASE("of two states that register one process at the same moment the later one is told that it is taken") {
    FakeCgroup fake(true);
    const std::string other = fake.all.root + "/other";
    std::filesystem::create_directory(other);
    for (const auto& [file, text] : {std::pair("cgroup.freeze", "0\n"), std::pair("cgroup.events", "frozen 0\n"),
                                     std::pair("cgroup.procs", ""), std::pair("cgroup.threads", "")})
      Hierarchy::write(other, file, text);
    const auto later = fake.makeIn(other, true);
    Meanwhile meanwhile;
    std::string answer;
    bool isFirst = true;
    fake.all.onMove = [&](Pid) {
      if (!std::exchange(isFirst, false)) return;
      CHECK(meanwhile.block([&] { answer = describe(later->registerPid(101)); }));
    };
    CHECK(describe(fake.state->registerPid(101)).empty());
    meanwhile.join();
    CHECK(answer == "CgroupHeld 101");
    CHECK(fake.placeOf(101) == fake.all.group());
    CHECK_FALSE(later->unregisterPid(101).found);
    CHECK(describe(fake.state->freezeAtEpoch(0)) == "frozen");
  }

  TEST_CASE("G5: a process that joins a frozen state is in the frozen group") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    fake.state->freezeAtEpoch(0);
    fake.all.update();
    CHECK(describe(fake.state->registerPid(102)).empty());
    CHECK(fake.placeOf(102) == fake.all.group());
  }

  TEST_CASE("a process whose group cannot be seen is refused, since it could not be moved back") {
    FakeCgroup fake;
    fake.all.isUnseen = true;
    CHECK(describe(fake.state->registerPid(101)).starts_with("CgroupUnseen 101"));
    CHECK(fake.script.held().empty());
    CHECK(fake.all.asked.empty());
  }

  TEST_CASE("a move that is refused says why, and nothing is registered") {
    for (const auto& [error, text] : {std::pair(EACCES, "CgroupNotPermitted"), std::pair(EBUSY, "CgroupControllers"),
                                      std::pair(ENODEV, "CgroupGone"), std::pair(EIO, "CgroupFailed")}) {
      CAPTURE(text);
      FakeCgroup fake;
      fake.all.refusals[{fake.all.group(), 0}] = error;
      CHECK(describe(fake.state->registerPid(101)).starts_with(text));
      CHECK(describe(fake.state->pids()) == "");
      CHECK(fake.script.held().empty());
    }
  }

  TEST_CASE("a process that one state has taken is refused to another, until the first has released it") {
    const FakeCgroup first;
    // Another group of the same hierarchy, with the same lists.
    FakeCgroup second;
    CHECK(describe(first.state->registerPid(101)).empty());
    second.all.where[101] = first.all.group();
    CHECK(describe(second.state->registerPid(101)).starts_with("CgroupHeld 101"));
    CHECK(describe(second.state->pids()) == "");
    CHECK(second.all.asked.empty());
    CHECK(second.script.held().empty());
    CHECK(first.state->unregisterPid(101).found);
    CHECK(describe(second.state->registerPid(101)).empty());
    CHECK(second.placeOf(101) == second.all.group());
  }

  TEST_CASE("a pid that no process has is not looked for in the lists of the groups") {
    FakeCgroup fake;
    fake.script.absent(101);
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(describe(fake.state->pids()) == "101");
    CHECK(fake.all.lookups == 0);
  }

  TEST_CASE(
      "the descendants of a newcomer come with it, whenever they were born, and each goes back to its own origin") {
    FakeCgroup fake;
    const std::string elsewhere = fake.all.root + "/above";
    fake.all.table.bear(101, 201);
    fake.all.table.bear(201, 301);
    fake.all.where[301] = elsewhere;
    // Until its parent is inside, the children that it forks are not.
    fake.all.onMove = [&](Pid pid) {
      if (pid == 201 && !fake.all.table.parents.contains(302)) fake.all.table.bear(201, 302);
    };
    CHECK(describe(fake.state->registerPid(101)).empty());
    for (const Pid pid : {101, 201, 301, 302}) CHECK(fake.placeOf(pid) == fake.all.group());
    CHECK(describe(fake.state->pids()) == "101");
    CHECK(fake.script.held() == std::multiset<Pid>{101});
    CHECK(fake.state->unregisterPid(101).found);
    for (const Pid pid : {101, 201, 302}) CHECK(fake.placeOf(pid) == fake.all.origin());
    CHECK(fake.placeOf(301) == elsewhere);
  }

  TEST_CASE("a registration moves in a child that the first pass over the children missed and the second one finds") {
    FakeCgroup fake;
    fake.all.table.bear(101, 201);
    int checks = 0;
    fake.all.table.onChildren = [&](Pid pid) {
      if (pid == 101 && ++checks == 2) fake.all.table.bear(101, 202);
    };
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(fake.placeOf(202) == fake.all.group());
    CHECK(checks == 3);
  }

  TEST_CASE("a descendant that cannot be moved fails the registration, and what was moved goes back") {
    FakeCgroup fake;
    const std::string elsewhere = fake.all.root + "/above";
    fake.all.table.bear(101, 201);
    fake.all.table.bear(101, 202);
    fake.all.where[201] = elsewhere;
    fake.all.refusals[{fake.all.group(), 202}] = EACCES;
    CHECK(describe(fake.state->registerPid(101)).starts_with("CgroupNotPermitted 202"));
    CHECK(describe(fake.state->pids()) == "");
    CHECK(fake.script.held().empty());
    CHECK(fake.placeOf(101) == fake.all.origin());
    CHECK(fake.placeOf(201) == elsewhere);
    fake.all.refusals.clear();
    CHECK(describe(fake.state->registerPid(101)).empty());
  }

  TEST_CASE("a descendant that exits, is no child any more, or belongs to another state is left where it is") {
    FakeCgroup fake;
    for (const Pid child : {201, 202, 203}) fake.all.table.bear(101, child);
    fake.script.absent(201);
    fake.all.table.parents[202] = 1;
    FakeCgroup other;
    other.all.put(203);
    fake.all.where[203] = other.all.group();
    other.state->registerPid(203);
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(fake.all.asked == std::vector<std::pair<std::string, Pid>>{{fake.all.group(), 101}});
  }

  TEST_CASE("a process that we descend from is refused, and none of ours is moved") {
    FakeCgroup fake;
    fake.all.table.bear(101, Script::kOwnPid);
    CHECK(describe(fake.state->registerPid(101)).starts_with("OwnAncestor 101"));
    CHECK(fake.all.asked.empty());
    CHECK(fake.script.held().empty());
  }

  TEST_CASE("of sixteen processes registered at once, each takes one write and no more look-ups than a single one") {
    FakeCgroup fake;
    const Pid parent = 90;
    fake.all.table.bear(parent, Script::kOwnPid);
    fake.all.table.startTimes[Script::kOwnPid] = 5;
    int reads = 0;
    fake.all.table.onRead = [&](Pid) { ++reads; };
    std::vector<std::int64_t> pids;
    std::vector<std::pair<std::string, Pid>> moves;
    for (Pid pid = 101; pid <= 116; ++pid) {
      pids.push_back(pid);
      moves.emplace_back(fake.all.group(), pid);
      fake.all.table.startTimes[pid] = 6;
    }
    CHECK(describe(fake.state->registerPids(pids, false).failures).empty());
    CHECK(fake.all.asked == moves);
    // Each was located once, and its start time was compared with ours.
    CHECK(fake.all.lookups == 16);
    CHECK(reads == 2 * 16);
  }

  TEST_CASE("a process that was forked in an owned group, and then registered, goes to the origin of its ancestor") {
    FakeCgroup fake(true);
    CHECK(describe(fake.state->registerPid(101)).empty());
    fake.all.table.bear(101, 500);
    fake.all.table.bear(500, 501);
    fake.all.put(501);
    CHECK(describe(fake.state->registerPid(501)).empty());
    fake.all.asked.clear();
    CHECK(fake.state->unregisterPid(501).found);
    CHECK(fake.placeOf(501) == fake.all.origin());
    CHECK(fake.all.asked.size() == 1);
  }

  TEST_CASE("a member that exits while it is moved counts as one that has exited") {
    FakeCgroup fake;
    fake.all.refusals[{fake.all.group(), 0}] = ESRCH;
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(describe(fake.state->freezeAtEpoch(0)).starts_with("ProcessNotFound 101"));
  }

  TEST_CASE("a process that was given the number of a newcomer before the move is moved out again") {
    FakeCgroup fake;
    fake.all.onMove = [&](Pid pid) { fake.script.exited(pid); };
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(fake.all.asked.size() == 2);
    CHECK(fake.placeOf(101) == fake.all.origin());
    CHECK(describe(fake.state->freezeAtEpoch(0)).starts_with("ProcessNotFound 101"));
  }

  TEST_CASE("a process that is exiting when it is registered counts as gone, and fails no freeze of others") {
    FakeCgroup fake;
    fake.all.dying[101] = 1000;
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(describe(fake.state->freezeAtEpoch(0)).starts_with("ProcessNotFound 101"));
    fake.state->registerPid(102);
    CHECK(describe(fake.state->freezeAtEpoch(0)) == "frozen");
  }
}

}  // namespace freeze_state::test

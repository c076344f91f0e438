#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "../core/modes/cgroup/membership.h"
#include "support/describe.h"
#include "support/hierarchy.h"

namespace freeze_state::test {

namespace {

/// The members of a state with the hierarchy's group.
struct Members {
  explicit Members(Hierarchy& all, bool isOwned = false)
      : file(FreezableCgroup::open({all.root, "/"}, all.group(), isOwned, failures)),
        membership(*file, script, all.access()) {}

  /// Opens the process and enters it, as a freezer does. Returns the failures of `enter`.
  std::string enter(Pid pid) {
    Member& member = list.add({.process = {.pid = pid}});
    script.open(pid, member.process);
    return describe(membership.enter(list, member.process, false));
  }
  std::string leave(Pid pid) { return describe(membership.leave(list, *list.find(pid))); }
  std::string movedOut() {
    std::vector<Pid> inside;
    CHECK(cgroup::threads(file->path(), inside) == 0);
    std::ranges::sort(inside);
    return describe(membership.findMovedOut(list, inside));
  }

  Failures failures;
  Script script;
  std::unique_ptr<FreezableCgroup> file;
  Membership membership;
  MemberList list{script};
};

std::string placeOf(Hierarchy& all, Pid pid) { return all.where.contains(pid) ? all.where[pid] : all.origin(); }

}  // namespace

TEST_SUITE("members of a cgroup") {
  TEST_CASE("a process enters with its descendants, and leaves with them to where each was") {
    Hierarchy all;
    const std::string elsewhere = all.root + "/above";
    all.table.bear(101, 201);
    all.table.bear(201, 301);
    all.where[301] = elsewhere;
    Members members(all);
    CHECK(members.enter(101).empty());
    for (const Pid pid : {101, 201, 301}) CHECK(placeOf(all, pid) == all.group());
    CHECK(members.leave(101).empty());
    for (const Pid pid : {101, 201}) CHECK(placeOf(all, pid) == all.origin());
    CHECK(placeOf(all, 301) == elsewhere);
  }

  TEST_CASE("where a descendant cannot enter, none does, and no origin is kept") {
    Hierarchy all;
    all.table.bear(101, 201);
    all.refusals[{all.group(), 201}] = EACCES;
    Members members(all);
    CHECK(members.enter(101).starts_with("CgroupNotPermitted 201"));
    CHECK(placeOf(all, 101) == all.origin());
    CHECK(Origins::all().countOf(members.membership.id()) == 0);
  }

  TEST_CASE("a member that was moved out is found, and one that has exited or is exiting is not") {
    Hierarchy all;
    Members members(all);
    for (const Pid pid : {101, 102, 103}) CHECK(members.enter(pid).empty());
    CHECK(members.movedOut().empty());
    for (const Pid pid : {101, 102, 103}) all.where[pid] = all.origin();
    all.list();
    members.list.find(101)->process.hasExited = true;
    all.dying[102] = 100;
    CHECK(members.movedOut().starts_with("CgroupLeft 103"));
    all.where[103] = all.group();
    all.list();
    CHECK(members.movedOut().empty());
  }

  TEST_CASE("where it cannot be told whether a process is inside, the caller says what that means") {
    Hierarchy all;
    Members members(all);
    CHECK(members.enter(101).empty());
    CHECK(members.membership.isInside(101) == true);
    all.unknowns[101] = EMFILE;
    bool isInside = false;
    CHECK(members.membership.findInside(101, isInside) == EMFILE);
    CHECK_FALSE(members.membership.isInside(101).has_value());
    CHECK(describe({members.membership.placeFailure(EMFILE, 101)}).starts_with("ResourceExhausted 101"));
  }

  TEST_CASE("the non-members are those inside that are no members") {
    Hierarchy all;
    Members members(all);
    CHECK(members.enter(101).empty());
    all.put(500);
    CHECK(members.membership.nonMembers(members.list) == std::vector<Pid>{500});
  }

  TEST_CASE("of two states that share an external group, the last one moves a process that both have") {
    Hierarchy all;
    Members first(all);
    Members second(all);
    CHECK(first.membership.id() != second.membership.id());
    CHECK(&first.membership.claim() == &second.membership.claim());
    CHECK(first.enter(101).empty());
    CHECK(second.enter(101).empty());
    CHECK(first.leave(101).empty());
    CHECK(placeOf(all, 101) == all.group());
    CHECK(second.leave(101).empty());
    CHECK(placeOf(all, 101) == all.origin());
  }

  TEST_CASE("at the end all leave an owned group, and only the members an external one") {
    for (const bool isOwned : {true, false}) {
      Hierarchy all;
      Members members(all, isOwned);
      CHECK(members.enter(101).empty());
      all.put(500);
      CHECK(describe(members.membership.leaveAll(members.list)).empty());
      CHECK(placeOf(all, 101) == all.origin());
      CHECK(placeOf(all, 500) == (isOwned ? all.origin() : all.group()));
    }
  }
}

}  // namespace freeze_state::test

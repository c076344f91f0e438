#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../core/modes/cgroup/moves.h"
#include "support/child.h"
#include "support/hierarchy.h"

namespace freeze_state::test {

namespace {

/// For a subtree in which all but the leaver were forked in the group.
std::optional<std::string> noOrigin(Pid /*pid*/) { return std::nullopt; }

constexpr auto kBackIn = Moves::Incomplete::BackIn;

}  // namespace

TEST_SUITE("moves out of cgroups") {
  TEST_CASE("a process goes to its origin, else beside the group, else to the nearest ancestor; one success ends it") {
    Hierarchy all;
    const std::vector<std::string> places{all.origin(), all.root + "/by", all.root + "/above", all.root};
    for (std::size_t refusing = 0; refusing < places.size(); ++refusing) {
      if (refusing > 0) all.refusals[{places[refusing - 1], 0}] = refusing == 2 ? EOPNOTSUPP : EBUSY;
      all.asked.clear();
      all.put(1000);
      CHECK(all.moves().out(1000, all.origin()).empty());
      CHECK(all.where[1000] == places[refusing]);
      CHECK(all.asked.size() == refusing + 1);
    }
  }

  TEST_CASE("a move that every group refuses fails with the answer of the first group that exists") {
    Hierarchy all;
    for (const char* place : {"/by", "/above", ""}) all.refusals[{all.root + place, 0}] = EACCES;
    for (const auto& [error, code, place] : {std::tuple(EBUSY, FailureCode::CgroupControllers, all.origin()),
                                             std::tuple(ENOENT, FailureCode::CgroupNotPermitted, all.root + "/by"),
                                             std::tuple(ENODEV, FailureCode::CgroupNotPermitted, all.root + "/by")}) {
      all.refusals[{all.origin(), 0}] = error;
      const Failures failures = all.moves().out(1000, all.origin());
      REQUIRE(failures.size() == 1);
      CHECK(failures[0].code == code);
      CHECK(failures[0].path == place);
      CHECK(failures[0].pid == 1000);
    }
  }

  TEST_CASE("the move of a process that has exited succeeds, and no other place is tried") {
    Hierarchy all;
    all.refusals[{all.origin(), 0}] = ESRCH;
    CHECK(all.moves().out(1000, all.origin()).empty());
    CHECK(all.asked.size() == 1);
  }

  TEST_CASE("a subtree takes along what is forked meanwhile, also by processes that were moved already") {
    Hierarchy all;
    const Child first;
    std::vector<std::unique_ptr<Child>> born;
    all.put(getpid());
    all.put(first.pid());
    constexpr std::size_t kBorn = 5;
    all.onMove = [&](Pid) {
      if (born.size() == kBorn) return;
      born.push_back(std::make_unique<Child>());
      all.put(born.back()->pid());
    };
    CHECK(all.moves().subtreesOut({{getpid(), all.origin()}}, noOrigin, {}, kBackIn).empty());
    CHECK(all.inside().empty());
    CHECK(born.size() == kBorn);
    for (const auto& child : born) CHECK(all.where[child->pid()] == all.origin());
  }

  TEST_CASE("a subtree that leaves takes along no process of another member, and none that is no descendant") {
    Hierarchy all;
    const Child apart;
    const Child descendant;
    for (const Pid pid : {getpid(), apart.pid(), descendant.pid(), Pid{1}}) all.put(pid);
    CHECK(all.moves().subtreesOut({{getpid(), all.origin()}}, noOrigin, {apart.pid()}, kBackIn).empty());
    CHECK(all.where[descendant.pid()] == all.origin());
    CHECK(all.where[apart.pid()] == all.group());
    CHECK(all.where[1] == all.group());
  }

  TEST_CASE("of several subtrees each goes to the origin of its leaver, and only one that cannot be moved stays") {
    Hierarchy all;
    const std::string others = all.root + "/above";
    const Child descendant;
    const Child leaver;
    const Child stuck;
    for (const Pid pid : {getpid(), descendant.pid(), leaver.pid(), stuck.pid()}) all.put(pid);
    for (const char* place : {"/above/origin", "/by", "/above", ""})
      all.refusals[{all.root + place, stuck.pid()}] = EACCES;
    const Failures failures = all.moves().subtreesOut(
        {{stuck.pid(), all.origin()}, {leaver.pid(), others}, {getpid(), all.origin()}}, noOrigin, {}, kBackIn);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].pid == stuck.pid());
    CHECK(all.inside() == std::vector{stuck.pid()});
    CHECK(all.where[leaver.pid()] == all.root + "/above");
    for (const Pid pid : {getpid(), descendant.pid()}) CHECK(all.where[pid] == all.origin());
  }

  TEST_CASE("a subtree of which one process cannot be moved stays inside as a whole") {
    Hierarchy all;
    const std::array<Child, 3> children;
    all.put(getpid());
    for (const Child& child : children) all.put(child.pid());
    const Pid stuck = children[1].pid();
    for (const char* place : {"/above/origin", "/by", "/above", ""}) all.refusals[{all.root + place, stuck}] = EACCES;
    const Failures failures = all.moves().subtreesOut({{getpid(), all.origin()}}, noOrigin, {}, kBackIn);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].pid == stuck);
    CHECK(failures[0].path == all.origin());
    CHECK(all.inside().size() == 4);
    CHECK(all.asked.front() == std::pair(all.origin(), Pid{getpid()}));
  }
}

}  // namespace freeze_state::test

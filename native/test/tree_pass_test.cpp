#include "../core/modes/tree_pass.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "../core/modes/tree_walk.h"
#include "support/scripted_tree.h"

namespace freeze_state::test {

namespace {

/// The trees of some roots, and the processes that were asked for their children, in this order.
struct Asked {
  explicit Asked(const std::vector<Pid>& pids) {
    for (const Pid pid : pids) {
      Member member;
      script.open(pid, member.process);
      REQUIRE_FALSE(protocol.stop(roots.add(std::move(member)), StoppedBefore::Ignored).has_value());
    }
    table.onChildren = [this](Pid pid) {
      order.push_back(pid);
      if (onAsked) onAsked(pid);
    };
  }
  Step run() { return TreeWalk(script, table, *reader, roots, descendants, protocol).run({}); }
  std::ptrdiff_t count(Pid pid) const { return std::ranges::count(order, pid); }
  /// At which place in the order it was asked last.
  std::ptrdiff_t last(Pid pid) const {
    return std::ranges::find(order.rbegin(), order.rend(), pid).base() - order.begin();
  }
  void die(Pid pid) {
    std::erase(table.childrenOf[table.parents[pid]], pid);
    script.exited(pid);
  }

  Script script;
  ScriptedTable table;
  std::vector<Pid> order;
  std::function<void(Pid)> onAsked;
  std::unique_ptr<ChildReader> reader = table.children();
  MemberList roots{script};
  Descendants descendants{script};
  StopProtocol protocol{script};
};

}  // namespace

TEST_SUITE("the closing pass") {
  TEST_CASE("a child is found that was born after its parent was asked and before the parent stopped") {
    Asked tree({101});
    tree.script.onProbe([&] { tree.table.bear(101, 201); });
    CHECK(tree.run().isDone());
    CHECK(tree.script.isStopped(201));
  }

  TEST_CASE("an orphan that moves up to a subreaper during the pass is found") {
    Asked tree({101});
    tree.table.bear(101, 201);
    int asked = -1;
    tree.onAsked = [&](Pid pid) {
      if (asked >= 0 || pid == 201) ++asked;
      // Born before 201 stopped. It leaves 401 and is reaped at once, as where SIGCHLD is ignored.
      if (asked == 1) tree.table.bear(201, 301);
      if (asked != 2) return;
      tree.die(301);
      tree.table.bear(101, 401);
    };
    CHECK(tree.run().isDone());
    CHECK(asked >= 2);
    CHECK(tree.script.isStopped(401));
  }

  TEST_CASE("a process is asked after all of its children, also where a root is a descendant of another one") {
    Asked tree({101, 102});
    tree.table.bear(101, 201);
    tree.table.bear(201, 102);
    tree.table.bear(102, 301);
    CHECK(tree.run().isDone());
    CHECK(tree.last(301) < tree.last(102));
    CHECK(tree.last(102) < tree.last(201));
    CHECK(tree.last(201) < tree.last(101));
  }

  TEST_CASE("an orphan below a root is found that moves up to a process between that root and another") {
    Asked tree({101, 102});
    tree.table.bear(101, 201);
    tree.table.bear(201, 102);
    int asked = -1;
    tree.onAsked = [&](Pid pid) {
      if (asked >= 0 || pid == 201) ++asked;
      if (asked == 1) tree.table.bear(102, 301);
      // Only once 201 was asked, and only if 102 is asked after it.
      if (asked != 2 || pid != 102) return;
      tree.die(301);
      tree.table.bear(201, 401);
    };
    CHECK(tree.run().isDone());
    CHECK((tree.script.isStopped(301) || tree.script.isStopped(401)));
    CHECK(std::ranges::all_of(tree.table.childrenOf[201], [&](Pid pid) { return tree.script.isStopped(pid); }));
  }

  TEST_CASE("a closing pass is repeated where a known process has died in it") {
    Asked tree({101});
    tree.table.bear(101, 201);
    tree.onAsked = [&](Pid pid) {
      if (pid == 101 && tree.count(101) == 2) tree.die(201);
    };
    CHECK(tree.run().isDone());
    CHECK(tree.count(101) == 3);
  }

  TEST_CASE("a closing pass asks each process once where nothing changes") {
    Asked tree({101});
    for (const Pid pid : {201, 202, 203}) tree.table.bear(101, pid);
    tree.table.bear(203, 301);
    CHECK(tree.run().isDone());
    for (const Pid pid : {101, 201, 202, 203, 301}) CHECK(tree.count(pid) == 2);
  }
}

}  // namespace freeze_state::test

#include "../core/modes/tree_walk.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "support/describe.h"
#include "support/scripted_tree.h"

namespace freeze_state::test {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// A sleeper is checked for vfork(2) after this long; see fork_watch.cpp.
constexpr milliseconds kAsleep(2);

/// Processes 101 and 102, which have been signalled; 101 has 201.
struct Roots {
  Roots() {
    for (const Pid pid : {101, 102}) {
      Member member;
      script.open(pid, member.process);
      REQUIRE_FALSE(protocol.stop(roots.add(std::move(member)), StoppedBefore::Ignored).has_value());
    }
    table.bear(101, 201);
    table.onChildren = [this](Pid pid) {
      ++asked[pid];
      if (onAsked) onAsked(pid);
    };
  }
  /// Runs it with a deadline: the caller then waits between the steps itself.
  Step run(milliseconds limit) { return walk().run({nullptr, Clock::now() + limit}); }
  /// Runs it in such steps until the condition holds; false if it came to an end instead, or not in a minute.
  bool runUntil(const std::function<bool()>& condition) {
    const auto end = Clock::now() + std::chrono::minutes(1);
    while (!condition()) {
      if (!run(milliseconds(1)).isUnfinished() || Clock::now() > end) return false;
    }
    return true;
  }
  Step run() { return walk().run({}); }
  TreeWalk& walk() {
    if (!walk_) walk_.emplace(script, table, *reader, roots, descendants, protocol);
    return *walk_;
  }

  Script script;
  ScriptedTable table;
  std::map<Pid, int> asked;  ///< for their children
  std::function<void(Pid)> onAsked;
  std::unique_ptr<ChildReader> reader = table.children();
  MemberList roots{script};
  Descendants descendants{script};
  StopProtocol protocol{script};

 private:
  std::optional<TreeWalk> walk_;
};

}  // namespace

TEST_SUITE("a walk through trees") {
  TEST_CASE("a walk asks each process for its children at once, and again when each was seen stopped by one probe") {
    Roots tree;
    CHECK(tree.run().isDone());
    for (const Pid pid : {101, 102, 201}) {
      CHECK(tree.script.isStopped(pid));
      CHECK(tree.script.probes(pid) == 1);
      CHECK(tree.asked[pid] == 2);
    }
    CHECK(tree.descendants.parentOf(201) == 101);
  }

  TEST_CASE("a process that still runs is asked for its children at once, and again when it has stopped") {
    Roots tree;
    tree.script.seenAs(101, ProcessState::Running);
    REQUIRE(tree.runUntil([&] { return tree.script.probes(101) > 1; }));
    CHECK(tree.asked[101] == 1);
    CHECK(tree.script.isStopped(201));
    tree.table.bear(101, 202);
    tree.script.seenAs(101, ProcessState::Stopped);
    CHECK(tree.run().isDone());
    CHECK(tree.script.isStopped(202));
  }

  TEST_CASE("while one process still runs, those that have stopped are asked for their children once more") {
    Roots tree;
    tree.script.seenAs(102, ProcessState::Running);
    tree.script.onProbe([&] { tree.table.bear(101, 202); });
    // Until all that have stopped were asked for the last time.
    REQUIRE(tree.runUntil([&] { return tree.script.isStopped(202) && tree.asked[202] == 2; }));
    // It was asked twice more because of what was found there.
    CHECK(tree.asked[101] == 3);
    CHECK(tree.asked[201] == 2);
    CHECK(tree.asked[102] == 1);
  }

  TEST_CASE("a process that exits while it is asked is not probed") {
    Roots tree;
    tree.onAsked = [&](Pid pid) {
      if (pid != 101) return;
      tree.script.exited(101);
      tree.table.errors[101] = ESRCH;
    };
    CHECK(tree.run().isDone());
    CHECK(tree.script.probes(101) == 0);
    CHECK(tree.asked[101] == 1);
    CHECK(tree.roots.find(101)->hasExited());
    CHECK(tree.asked[102] >= 2);
  }

  TEST_CASE("a process that has exited by the time it is probed is not asked again") {
    for (const ProcessState state : {ProcessState::Zombie, ProcessState::Gone}) {
      Roots tree;
      tree.script.seenAs(101, state);
      CHECK(tree.run().isDone());
      CHECK(tree.roots.find(101)->hasExited());
      CHECK(tree.asked[101] == 1);
    }
  }

  TEST_CASE("a child that was given the pid of a root that has exited is found") {
    Roots tree;
    tree.script.seenAs(101, ProcessState::Gone);
    tree.onAsked = [&](Pid pid) {
      if (pid != 102 || tree.asked[102] != 2) return;
      tree.script.seenAs(101, ProcessState::Stopped);
      tree.table.childrenOf.clear();
      tree.table.bear(102, 101);
    };
    CHECK(tree.run().isDone());
    CHECK(tree.descendants.list.pids() == std::vector<Pid>{201, 101});
  }

  TEST_CASE("a process that its tracer has stopped is asked at once, and not probed again") {
    Roots tree;
    tree.script.seenAs(101, ProcessState::Traced);
    CHECK(tree.run().isDone());
    CHECK(tree.script.isStopped(201));
    CHECK(tree.script.probes(101) == 1);
  }

  TEST_CASE("a walk fails where neither a probe nor the process table tells what a process does; else it waits") {
    for (const auto& [error, expected] :
         {std::pair{EMFILE, "ResourceExhausted 101 EMFILE"}, std::pair{ESRCH, "Unreadable 101 EACCES"}}) {
      Roots tree;
      tree.script.seenAs(101, ProcessState::Unknown);
      CHECK(tree.run(milliseconds(2)).isUnfinished());
      tree.table.errors[101] = error;
      CHECK(describe(tree.run().failures) == expected);
    }
  }

  TEST_CASE("a walk is done where a thaw comes after its end, and cancelled where it comes before") {
    Roots tree;
    std::atomic<std::uint64_t> word{1};
    const Ticket ticket(word, 1);
    word = 2;
    CHECK(tree.walk().run({&ticket}).kind == Step::Kind::Cancelled);
    CHECK(tree.run().isDone());
    CHECK(tree.walk().run({&ticket}).isDone());
  }
}

TEST_SUITE("a walk that meets a sleeper") {
  TEST_CASE("after a while a sleeper is checked for vfork(2), and if it waits there it is not probed any more") {
    Roots tree;
    tree.script.stuck(101);
    tree.table.vforked.insert(201);
    Clock::time_point first;
    Clock::duration slept{};
    int probes = 0;
    tree.script.onProbe([&] { first = Clock::now(); });
    tree.onAsked = [&](Pid pid) {
      if (pid != 101 || tree.asked[101] != 2) return;
      slept = Clock::now() - first;
      probes = tree.script.probes(101);
    };
    CHECK(tree.run().isDone());
    CHECK(slept >= kAsleep);
    CHECK(tree.script.probes(101) == probes);
    CHECK(tree.script.isStopped(201));
  }

  TEST_CASE("a sleeper that waits in another call is checked again only after the same time") {
    Roots tree;
    tree.script.stuck(101);
    tree.script.seenAs(102, ProcessState::Running);  // so that no other process is asked
    tree.script.seenAs(201, ProcessState::Running);
    int before = 0;
    tree.script.onProbe([&] {
      tree.table.bear(101, 202);
      before = tree.table.passes;
    });
    const auto begin = Clock::now();
    constexpr int kTimes = 3;
    REQUIRE(tree.runUntil([&] { return tree.asked[101] >= 1 + kTimes; }));
    const int times = tree.asked[101] - 1;
    CHECK(times * kAsleep <= Clock::now() - begin);
    CHECK(tree.table.passes - before == times);
    CHECK_FALSE(tree.script.isStopped(202));
    for (const Pid pid : {102, 201}) tree.script.seenAs(pid, ProcessState::Stopped);
    tree.script.stuck(101, false);
    CHECK(tree.run().isDone());
    CHECK(tree.script.isStopped(202));
  }

  TEST_CASE("a process that waits for a processor is given longer than one that sleeps") {
    Roots tree;
    tree.script.seenAs(101, ProcessState::Running);
    const auto end = Clock::now() + milliseconds(1200);
    tree.script.onPause([&] {
      if (Clock::now() > end) tree.script.seenAs(101, ProcessState::Stopped);
    });
    CHECK(tree.run().isDone());
    CHECK(Clock::now() > end);
  }

  TEST_CASE("a sleeper that was found running in between is not checked") {
    Roots tree;
    tree.table.vforked.insert(201);
    bool isRunning = false;
    std::function<void()> toggle = [&] {
      isRunning = !isRunning;
      tree.script.seenAs(101, isRunning ? ProcessState::Running : ProcessState::Sleeping);
      tree.script.onProbe(toggle);
    };
    tree.script.seenAs(102, ProcessState::Stopped);
    tree.script.onProbe(toggle);
    const auto end = Clock::now() + 5 * kAsleep;
    constexpr int kMany = 100;
    while (Clock::now() < end || tree.script.probes(101) < kMany) CHECK(tree.run(milliseconds(1)).isUnfinished());
    CHECK(tree.asked[101] == 1);
    tree.script.onProbe(nullptr);
    tree.script.seenAs(101, ProcessState::Sleeping);
    CHECK(tree.run().isDone());
  }

  TEST_CASE("a sleeper whose children cannot be read counts as not waiting in vfork(2)") {
    Roots tree;
    tree.script.stuck(101);
    tree.table.vforked.insert(201);
    tree.script.onProbe([&] { tree.table.errors[101] = EACCES; });
    REQUIRE(tree.runUntil([&] { return tree.asked[101] >= 3; }));
    tree.table.errors.clear();
    CHECK(tree.run().isDone());
  }

  TEST_CASE("a sleeper is not checked where no pass can begin") {
    Roots tree;
    tree.script.stuck(101);
    tree.script.seenAs(102, ProcessState::Running);
    tree.table.vforked.insert(201);
    tree.script.seenAs(201, ProcessState::Running);
    int before = 0;
    tree.script.onProbe([&] {
      before = tree.table.passes;
      tree.table.passError = EMFILE;
    });
    REQUIRE(tree.runUntil([&] { return before != 0 && tree.table.passes >= before + 2; }));
    CHECK(tree.asked[101] == 1);
  }

  TEST_CASE("a check that was cut short is continued with the children that were read before") {
    Roots tree;
    tree.script.stuck(101);
    tree.script.seenAs(102, ProcessState::Running);  // so that no other process is asked
    tree.table.bear(101, 202);
    tree.table.vforked.insert(201);
    for (const Pid pid : {201, 202}) tree.script.seenAs(pid, ProcessState::Running);
    int begun = 0;
    int before = 0;
    // After the passes that ask all of them.
    tree.script.onProbe([&] {
      before = tree.table.passes;
      tree.table.cutPasses = 2;
      tree.table.cutReads = 1;
      tree.table.onPass = [&] {
        if (begun == 0) begun = tree.script.probes(101);
      };
    });
    int passes = 0;
    int probes = 0;
    tree.table.onComparing = [&](Pid, Pid) {
      if (passes != 0) return;
      passes = tree.table.passes - before;
      probes = tree.script.probes(101) - begun;
    };
    REQUIRE(tree.runUntil([&] { return passes != 0; }));
    // Two passes that were cut short, one that was not, and one cut in the list: each is continued at once.
    CHECK(passes == 3);
    CHECK(probes == 3);
    for (const Pid pid : {102, 201, 202}) tree.script.seenAs(pid, ProcessState::Stopped);
    CHECK(tree.run().isDone());
    for (const Pid pid : {201, 202}) CHECK(tree.script.isStopped(pid));
  }

  TEST_CASE("the children of a sleeper that has stopped meanwhile are not taken for those of the next") {
    Roots tree;
    tree.table.bear(102, 202);
    for (const Pid pid : {101, 102}) tree.script.stuck(pid);
    tree.table.vforked.insert(202);
    for (const Pid pid : {201, 202}) tree.script.seenAs(pid, ProcessState::Running);
    tree.script.onProbe([&] { tree.table.cutReads = 1; });
    tree.onAsked = [&](Pid pid) {
      if (pid != 101 || tree.asked[101] < 2) return;
      tree.script.stuck(101, false);
      for (const Pid child : {201, 202}) tree.script.seenAs(child, ProcessState::Stopped);
    };
    std::set<std::pair<Pid, Pid>> compared;
    tree.table.onComparing = [&](Pid parent, Pid child) { compared.emplace(parent, child); };
    CHECK(tree.run().isDone());
    CHECK(compared.contains({102, 202}));
    CHECK_FALSE(compared.contains({102, 201}));
  }
}

}  // namespace freeze_state::test

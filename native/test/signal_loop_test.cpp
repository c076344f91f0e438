#include "../core/os/signal_loop.h"

#include <doctest/doctest.h>
#include <sched.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "../core/state/attempt.h"
#include "support/child.h"
#include "support/confirming.h"
#include "support/describe.h"
#include "support/process_freezer.h"
#include "support/scripted_groups.h"
#include "support/scripted_tree.h"
#include "support/thread_class.h"

namespace freeze_state::test {

namespace {

/// Runs the body in a thread that starts in the class, and gives the classes that it found during and after a loop.
struct Classes {
  int during = -1;
  int after = -1;
};

Classes classesOfLoop(int policy, const LoopOptions& options, std::size_t signals) {
  Classes classes;
  std::thread([&] {
    if (!enterClass(policy)) return;
    {
      const SignalLoop loop(options, signals);
      classes.during = classOfThread();
    }
    classes.after = classOfThread();
  }).join();
  return classes;
}

/// A script that notes the classes in which it is asked what a stop has to know before its signal.
class Asked final : public Script {
 public:
  using Script::isStopped;
  bool isStopped(const Process& process) noexcept override {
    classes.insert(classOfThread());
    return Script::isStopped(process);
  }
  LedgerIdentity identify(Process& process) noexcept override {
    classes.insert(classOfThread());
    return Script::identify(process);
  }

  std::set<int> classes;
};

}  // namespace

TEST_SUITE("boost") {
  TEST_CASE("a loop over many processes runs in the real-time class, and then the old class is restored in full") {
    if (!SignalLoop::canBoost()) {
      MESSAGE("skipped: this user may not enter a real-time class");
      return;
    }
    for (const int policy : {SCHED_OTHER, SCHED_BATCH, SCHED_IDLE}) {
      for (const int flag : {0, SCHED_RESET_ON_FORK}) {
        CAPTURE(policy);
        CAPTURE(flag);
        const Classes classes = classesOfLoop(policy | flag, {}, SignalLoop::kMany);
        CHECK(classes.during == (SCHED_FIFO | flag));
        CHECK(classes.after == (policy | flag));
      }
    }
  }

  TEST_CASE("the members of a tree are signalled in the real-time class, and no stop is awaited in it") {
    if (!SignalLoop::canBoost()) {
      MESSAGE("skipped: this user may not enter a real-time class");
      return;
    }
    // Declared before the state, which still sends signals at its end.
    std::vector<int> sending;
    std::set<int> asking;
    std::set<int> waiting;
    Script script;
    ScriptedTable table;
    for (Pid pid = 101; pid <= 116; ++pid) table.bear(pid, pid + 100);
    FreezeState state(Mode::ProcessTree, std::make_unique<TreeFreezer>(LoopOptions{}, script, table));
    for (Pid pid = 101; pid <= 116; ++pid) state.registerPid(pid);
    script.stuck(116);
    script.stuck(216);
    script.onEverySend([&] { sending.push_back(classOfThread()); });
    table.onChildren = [&](Pid) { asking.insert(classOfThread()); };
    script.onPause([&] {
      waiting.insert(classOfThread());
      script.stuck(script.pauses() == 1 ? 116 : 216, false);
    });
    CHECK(state.freezeAtEpoch(0).frozen);
    constexpr std::ptrdiff_t kMembers = 16;
    // And again to those that were found awake.
    REQUIRE(sending.size() >= 2 * kMembers);
    CHECK(std::set(sending.begin(), sending.begin() + kMembers) == std::set{SCHED_FIFO});
    CHECK(asking == std::set{SCHED_OTHER});
    CHECK(waiting == std::set{SCHED_OTHER});
    CHECK(classOfThread() == SCHED_OTHER);
  }

  TEST_CASE(
      "groups of a size that is not known are signalled in the real-time class, small ones and one in a step are not") {
    if (!SignalLoop::canBoost()) {
      MESSAGE("skipped: this user may not enter a real-time class");
      return;
    }
    std::set<int> sending;
    const auto classesOf = [&](auto body) {
      sending.clear();
      body();
      return sending;
    };
    ScriptedGroups scripted(LoopOptions{});
    FreezeState& state = *scripted.state;
    scripted.groups.onSignal = [&] { sending.insert(classOfThread()); };
    const auto freeze = [&] { CHECK(state.freezeAtEpoch(word::epochOf(state.word())).frozen); };
    const auto thaw = [&] { CHECK(describe(state.unfreeze()).empty()); };
    const auto confirm = [&] {
      Confirmation confirmation(scripted.state, word::epochOf(state.word()), nullptr);
      CHECK(stepFor(confirmation, std::chrono::hours(1)).stage == Stage::Stopped);
    };
    CHECK(classesOf(freeze) == std::set{SCHED_FIFO});
    CHECK(classesOf(thaw) == std::set{SCHED_FIFO});
    CHECK(classesOf(confirm) == std::set{SCHED_OTHER});
    CHECK(classesOf(thaw) == std::set{SCHED_OTHER});
    CHECK(classesOf(freeze) == std::set{SCHED_OTHER});
    thaw();
    // By the next confirmation one of the groups has grown.
    for (Pid pid = 111; pid < 111 + static_cast<Pid>(SignalLoop::kMany); ++pid) scripted.table.rows[pid] = {101};
    confirm();
    CHECK(classesOf(thaw) == std::set{SCHED_FIFO});
    CHECK(classesOf(freeze) == std::set{SCHED_FIFO});
  }

  TEST_CASE("neither the wait for the guardian nor a question about a process is in the real-time class") {
    if (!SignalLoop::canBoost()) {
      MESSAGE("skipped: this user may not enter a real-time class");
      return;
    }
    // Declared before the state, which still sends signals at its end.
    std::set<int> sending;
    Asked script;
    ScriptedLedger ledger;
    constexpr std::size_t kMembers = 16;
    // A single member whose signal reaches as many is signalled in the class, too.
    std::size_t reach = 1;
    SUBCASE("members of a freeze") {}
    SUBCASE("a member that joins a frozen state") { reach = kMembers; }
    script.onEverySend([&] { sending.insert(classOfThread()); });
    ledger.onWait = [&] { script.classes.insert(classOfThread()); };
    FreezeState state(Mode::Process, std::make_unique<ProcessFreezer>(LoopOptions{}, script, &ledger, reach));
    for (Pid pid = 101; pid < 101 + static_cast<Pid>(kMembers); ++pid) state.registerPid(pid);
    Roster roster;
    CHECK(Attempt(state, 0, nullptr).freeze(kNoDeadline, &roster).isDone());
    CHECK(sending == std::set{SCHED_FIFO});
    state.registerPid(100);
    CHECK(ledger.waits == static_cast<int>(kMembers) + 1);
    CHECK(script.classes == std::set{SCHED_OTHER});
  }

  TEST_CASE("a loop over a few processes, or without the option, keeps its class") {
    CHECK(classesOfLoop(SCHED_OTHER, {}, SignalLoop::kMany - 1).during == SCHED_OTHER);
    CHECK(classesOfLoop(SCHED_OTHER, {.boost = false}, 100).during == SCHED_OTHER);
  }

  TEST_CASE("the question whether a thread may enter the class leaves its class as it is") {
    SignalLoop::canBoost();
    CHECK(classOfThread() == SCHED_OTHER);
  }

  TEST_CASE("a thread without the permission keeps its class, and its freeze works") {
    const int code = runInFork([] {
      if (!becomeNobody()) return 1;
      if (SignalLoop::canBoost()) return 2;
      {
        const SignalLoop loop({}, SignalLoop::kMany);
        if (classOfThread() != SCHED_OTHER) return 3;
      }
      if (classOfThread() != SCHED_OTHER) return 4;
      const Child first;
      const Child second;
      FreezeState state(Mode::Process, processFreezer(systemControl()));
      state.registerPid(first.pid());
      state.registerPid(second.pid());
      return state.freezeAtEpoch(0).frozen && first.comesToStop() && second.comesToStop() ? 0 : 5;
    });
    CHECK(code == 0);
  }
}

}  // namespace freeze_state::test

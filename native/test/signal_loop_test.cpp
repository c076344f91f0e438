#include "../core/os/signal_loop.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "../core/os/cgroupfs.h"
#include "../core/os/linux/procfs.h"
#include "../core/os/linux/rt_budget.h"
#include "support/child.h"
#include "support/describe.h"
#include "support/process_freezer.h"
#include "support/scripted_tree.h"
#include "support/wait_until.h"

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
    const sched_param none{};
    if (sched_setscheduler(0, policy, &none) != 0) return;
    {
      const SignalLoop loop(options, signals);
      classes.during = sched_getscheduler(0);
    }
    classes.after = sched_getscheduler(0);
  }).join();
  return classes;
}

}  // namespace

TEST_SUITE("boost") {
  TEST_CASE("a loop over many runs in the real-time class, and the old class comes back whole") {
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

  TEST_CASE("of a tree, the members are signalled in the real-time class, and no stop is awaited in it") {
    if (!SignalLoop::canBoost()) {
      MESSAGE("skipped: this user may not enter a real-time class");
      return;
    }
    // Before the state, which thaws at its end.
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
    script.onEverySend([&] { sending.push_back(sched_getscheduler(0)); });
    table.onChildren = [&](Pid) { asking.insert(sched_getscheduler(0)); };
    script.onPause([&] {
      waiting.insert(sched_getscheduler(0));
      script.stuck(script.pauses() == 1 ? 116 : 216, false);
    });
    CHECK(state.freezeAtEpoch(0).frozen);
    constexpr std::ptrdiff_t kMembers = 16;
    REQUIRE(sending.size() == 2 * kMembers);
    CHECK(std::set(sending.begin(), sending.begin() + kMembers) == std::set{SCHED_FIFO});
    CHECK(asking == std::set{SCHED_OTHER});
    CHECK(waiting == std::set{SCHED_OTHER});
    CHECK(sched_getscheduler(0) == SCHED_OTHER);
  }

  TEST_CASE("a few signals are not worth it, and who does not want it does not get it") {
    CHECK(classesOfLoop(SCHED_OTHER, {}, SignalLoop::kMany - 1).during == SCHED_OTHER);
    CHECK(classesOfLoop(SCHED_OTHER, {.boost = false}, 100).during == SCHED_OTHER);
  }

  TEST_CASE("a thread that is in a real-time class keeps it, with its priority") {
    std::thread([] {
      const sched_param high{.sched_priority = 7};
      if (sched_setscheduler(0, SCHED_RR, &high) != 0) return;
      {
        const SignalLoop loop({}, SignalLoop::kMany);
        CHECK(sched_getscheduler(0) == SCHED_RR);
      }
      sched_param now{};
      sched_getparam(0, &now);
      CHECK(sched_getscheduler(0) == SCHED_RR);
      CHECK(now.sched_priority == 7);
    }).join();
  }

  TEST_CASE("the timer slack of the thread comes back, too") {
    std::thread([] {
      constexpr unsigned long kSlack = 123'456;
      prctl(PR_SET_TIMERSLACK, kSlack);
      {
        const SignalLoop loop({}, SignalLoop::kMany);
      }
      CHECK(prctl(PR_GET_TIMERSLACK) == static_cast<int>(kSlack));
      SignalLoop::canBoost();
      CHECK(prctl(PR_GET_TIMERSLACK) == static_cast<int>(kSlack));
    }).join();
  }

  TEST_CASE("under a limit on real time, soft or hard, the class stays: the time of all loops adds up") {
    for (const bool isHard : {false, true}) {
      const int code = runInFork([&] {
        const rlimit limit{1'000'000, isHard ? rlim_t{1'000'000} : RLIM_INFINITY};
        if (setrlimit(RLIMIT_RTTIME, &limit) != 0) return 1;
        const SignalLoop loop({}, SignalLoop::kMany);
        return sched_getscheduler(0) == SCHED_OTHER && !SignalLoop::canBoost() ? 0 : 2;
      });
      CHECK(code == 0);
    }
  }

  TEST_CASE("in a control group that has little real time, the class stays") {
    std::string cgroups;
    std::string mounts;
    REQUIRE(procfs::readAll("/proc/self/cgroup", cgroups) == 0);
    REQUIRE(procfs::readAll("/proc/self/mountinfo", mounts) == 0);
    const std::string parent = rt_budget::groupOf(cgroups, mounts);
    const std::string group = parent + "/freeze-state-test-" + std::to_string(getpid());
    if (parent.empty() || !SignalLoop::canBoost() || mkdir(group.c_str(), 0755) != 0) {
      MESSAGE("skipped: no control group of version 1 can be made here, or no boost");
      return;
    }
    const auto boostsWith = [&](const char* microseconds) {
      return runInFork([&] {
        if (cgroup::write(group, "cpu.rt_runtime_us", microseconds) != 0) return 2;
        if (cgroup::write(group, "tasks", std::to_string(getpid())) != 0) return 3;
        // Each thread asks anew.
        bool canBoost = false;
        std::thread([&] { canBoost = SignalLoop::canBoost(); }).join();
        return canBoost ? 1 : 0;
      });
    };
    const bool hasBudgets = access((group + "/cpu.rt_runtime_us").c_str(), W_OK) == 0;
    const int little = hasBudgets ? boostsWith("1000") : 0;
    const int enough = hasBudgets ? boostsWith("600000") : 1;
    CHECK(rmdir(group.c_str()) == 0);
    CHECK(little == 0);
    CHECK(enough == 1);
    if (!hasBudgets) MESSAGE("skipped: no budgets of real time in this kernel");
  }

  TEST_CASE("asking whether it may leaves the class as it is") {
    SignalLoop::canBoost();
    CHECK(sched_getscheduler(0) == SCHED_OTHER);
  }

  TEST_CASE("without the permission the class stays, and freezing works") {
    const int code = runInFork([] {
      if (!becomeNobody()) return 1;
      if (SignalLoop::canBoost()) return 2;
      {
        const SignalLoop loop({}, SignalLoop::kMany);
        if (sched_getscheduler(0) != SCHED_OTHER) return 3;
      }
      if (sched_getscheduler(0) != SCHED_OTHER) return 4;
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

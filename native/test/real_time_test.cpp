#include "../core/os/real_time.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "../core/os/cgroupfs.h"
#include "../core/os/linux/kernel_file.h"
#include "../core/os/linux/rt_budget.h"
#include "support/child.h"
#include "support/thread_class.h"

namespace freeze_state::test {

namespace {

/// Keeps this thread in the real-time class for as long as it lives, where that is allowed.
class Boost {
 public:
  Boost() = default;
  Boost(const Boost&) = delete;
  Boost& operator=(const Boost&) = delete;
  ~Boost() {
    if (isChanged()) real_time::leave(before_);
  }
  bool isChanged() const noexcept { return before_.isChanged(); }

 private:
  const real_time::Before before_ = real_time::enter();
};

}  // namespace

TEST_SUITE("real time") {
  TEST_CASE("a thread enters the real-time class, and its own class comes back") {
    std::thread([] {
      {
        const Boost boost;
        if (!boost.isChanged()) MESSAGE("skipped: this user may not enter a real-time class");
        CHECK(classOfThread() == (boost.isChanged() ? SCHED_FIFO : SCHED_OTHER));
      }
      CHECK(classOfThread() == SCHED_OTHER);
    }).join();
  }

  TEST_CASE("a thread that is in a real-time class keeps it, with its priority") {
    std::thread([] {
      if (!enterClass(SCHED_RR, 7)) return;
      {
        const Boost boost;
        CHECK_FALSE(boost.isChanged());
        CHECK(classOfThread() == SCHED_RR);
      }
      CHECK(classOfThread() == SCHED_RR);
      CHECK(priorityOfThread() == 7);
    }).join();
  }

  TEST_CASE("the timer slack of the thread comes back with its class") {
    std::thread([] {
      constexpr unsigned long kSlack = 123'456;
      prctl(PR_SET_TIMERSLACK, kSlack);
      {
        const Boost boost;
        if (!boost.isChanged()) MESSAGE("skipped: this user may not enter a real-time class");
      }
      CHECK(prctl(PR_GET_TIMERSLACK) == static_cast<int>(kSlack));
    }).join();
  }

  TEST_CASE("the nice value of the thread comes back with its class") {
    std::thread([] {
      constexpr int kNice = 7;
      // Of the calling thread alone (setpriority(2)).
      REQUIRE(setpriority(PRIO_PROCESS, 0, kNice) == 0);
      {
        const Boost boost;
        if (!boost.isChanged()) MESSAGE("skipped: this user may not enter a real-time class");
      }
      CHECK(getpriority(PRIO_PROCESS, 0) == kNice);
    }).join();
  }

  TEST_CASE("under a limit on real time, soft or hard, the class stays") {
    for (const bool isHard : {false, true}) {
      const int code = runInFork([&] {
        const rlimit limit{1'000'000, isHard ? rlim_t{1'000'000} : RLIM_INFINITY};
        if (setrlimit(RLIMIT_RTTIME, &limit) != 0) return 1;
        const Boost boost;
        return classOfThread() == SCHED_OTHER && !boost.isChanged() ? 0 : 2;
      });
      CHECK(code == 0);
    }
  }

  TEST_CASE("in a control group that has little real time, the class stays") {
    std::string cgroups;
    std::string mounts;
    REQUIRE(kernel_file::readAll("/proc/self/cgroup", cgroups) == 0);
    REQUIRE(kernel_file::readAll("/proc/self/mountinfo", mounts) == 0);
    const std::string parent = rt_budget::groupOf(cgroups, mounts);
    const std::string group = parent + "/freeze-state-test-" + std::to_string(getpid());
    if (parent.empty() || !Boost().isChanged() || mkdir(group.c_str(), 0755) != 0) {
      MESSAGE("skipped: no control group of version 1 can be made here, or no boost");
      return;
    }
    constexpr int kRefused = 2;
    const auto boostsWith = [&](const char* microseconds) {
      return runInFork([&] {
        if (cgroup::write(group, "cpu.rt_runtime_us", microseconds) != 0) return kRefused;
        if (cgroup::write(group, "tasks", std::to_string(getpid())) != 0) return 3;
        // Each thread asks anew.
        bool canBoost = false;
        std::thread([&] { canBoost = Boost().isChanged(); }).join();
        return canBoost ? 1 : 0;
      });
    };
    const int little = boostsWith("1000");
    const int enough = boostsWith("600000");
    CHECK(rmdir(group.c_str()) == 0);
    // Refused where the kernel knows no budgets, or where the group above or those beside have all that there is.
    if (little == kRefused || enough == kRefused) {
      MESSAGE("skipped: no budget of real time to give here");
      return;
    }
    CHECK(little == 0);
    CHECK(enough == 1);
  }
}

}  // namespace freeze_state::test

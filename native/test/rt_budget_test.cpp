#include "../core/os/linux/rt_budget.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "../core/os/linux/kernel_file.h"
#include "support/child.h"

namespace freeze_state::test {

TEST_SUITE("budget of real time") {
  TEST_CASE("the group of the controller cpu is found where a mount shows it") {
    const std::string mounts =
        "30 20 0:1 / /cg/memory rw - cgroup cgroup rw,memory\n"
        "31 20 0:2 /docker/a /cg/cpu rw,relatime shared:1 - cgroup cgroup rw,cpuacct,cpu\n"
        "32 20 0:3 / /cg/unified rw - cgroup2 cgroup2 rw\n";
    CHECK(rt_budget::groupOf("5:cpuset:/x\n4:cpu,cpuacct:/docker/a/b\n0::/y\n", mounts) == "/cg/cpu/b");
    CHECK(rt_budget::groupOf("4:cpuacct,cpu:/docker/a\n", mounts) == "/cg/cpu");
    CHECK(rt_budget::groupOf("4:cpu:/elsewhere\n", mounts).empty());
    CHECK(rt_budget::groupOf("5:cpuset:/x\n0::/docker/a\n", mounts).empty());
    CHECK(rt_budget::groupOf("4:cpu:/a\n", "").empty());
    CHECK(rt_budget::groupOf("", mounts).empty());
  }

  TEST_CASE("a group has little real time where it has less than half of each period") {
    std::array<char, 32> name{"/tmp/freeze-state-test-XXXXXX"};
    REQUIRE(mkdtemp(name.data()) != nullptr);
    const std::string group = name.data();
    const auto isSmallWith = [&](const char* runtime) {
      std::ofstream(group + "/cpu.rt_runtime_us") << runtime;
      return rt_budget::isSmallIn(group);
    };
    // Version 2 of cgroups, and a kernel without such budgets, have no such files.
    CHECK_FALSE(rt_budget::isSmallIn(group));
    std::ofstream(group + "/cpu.rt_period_us") << "1000000\n";
    CHECK_FALSE(rt_budget::isSmallIn(group));
    CHECK(isSmallWith("0\n"));
    CHECK(isSmallWith("499999\n"));
    CHECK_FALSE(isSmallWith("500000\n"));
    CHECK_FALSE(isSmallWith("-1\n"));
    CHECK_FALSE(isSmallWith(""));
    CHECK_FALSE(rt_budget::isSmallIn(""));
    std::filesystem::remove_all(group);
  }

  TEST_CASE("what could not be read for lack of descriptors counts as little real time, and is read again") {
    std::string cgroups;
    std::string mountinfo;
    kernel_file::readAll("/proc/self/cgroup", cgroups);
    kernel_file::readAll("/proc/self/mountinfo", mountinfo);
    const std::string own = rt_budget::groupOf(cgroups, mountinfo);
    const std::string group = own + "/freeze-state-test-" + std::to_string(getpid());
    if (own.empty() || mkdir(group.c_str(), S_IRWXU) != 0) {
      MESSAGE("no group of the controller cpu of version 1 can be made here");
      return;
    }
    const auto resultWith = [&](const char* runtime) {
      std::ofstream(group + "/cpu.rt_runtime_us") << runtime;
      return runInFork([&] {
        std::ofstream(group + "/cgroup.procs") << 0 << std::flush;
        int code = 0;
        // In a thread of which nothing is known yet.
        std::thread([&] {
          rlimit limit{};
          getrlimit(RLIMIT_NOFILE, &limit);
          const rlimit none{0, limit.rlim_max};
          setrlimit(RLIMIT_NOFILE, &none);
          const bool isSmallAtFirst = rt_budget::isSmall();
          setrlimit(RLIMIT_NOFILE, &limit);
          code = !isSmallAtFirst ? 1 : (rt_budget::isSmall() ? 2 : 3);
        }).join();
        return code;
      });
    };
    constexpr int kSmall = 2;
    constexpr int kNotSmall = 3;
    // A group that was just made has none, where the kernel gives groups any (CONFIG_RT_GROUP_SCHED).
    for (const char* const runtime : {"0\n", "500000\n"}) {
      const int found = resultWith(runtime);
      // The kernel may have refused the second, where groups beside it have the rest of the period.
      CHECK(found == (rt_budget::isSmallIn(group) ? kSmall : kNotSmall));
    }
    CHECK(rmdir(group.c_str()) == 0);
  }
}

}  // namespace freeze_state::test

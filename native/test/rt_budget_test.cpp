#include "../core/os/linux/rt_budget.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

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
}

}  // namespace freeze_state::test

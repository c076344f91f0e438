#include "../core/os/cgroupfs.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace freeze_state::test {

TEST_SUITE("cgroups") {
  TEST_CASE("an event is read from its own line of cgroup.events, and not from a part of another") {
    const std::string_view events = "notpopulated 1\npopulated 0\nfrozen 1\n";
    CHECK(cgroup::eventOf(events, "populated") == false);
    CHECK(cgroup::eventOf(events, "frozen") == true);
    CHECK(cgroup::eventOf("populated 1", "populated") == true);
    for (const char* text : {"", "\n", "populated", "populated \n", "populatedfrozen 1\n"})
      CHECK_FALSE(cgroup::eventOf(text, "populated").has_value());
  }

  TEST_CASE("a group with controllers takes processes only if all support threads and no domain below has any") {
    std::array<char, 32> name{"/tmp/freeze-state-test-XXXXXX"};
    REQUIRE(mkdtemp(name.data()) != nullptr);
    const std::string directory = name.data();
    const std::string below = directory + "/below";
    std::filesystem::create_directory(below);
    const auto put = [](const std::string& path, std::string_view text) { std::ofstream(path) << text; };
    const auto takes = [&](const char* controllers, const char* type, const char* events) {
      put(directory + "/cgroup.subtree_control", controllers);
      put(below + "/cgroup.type", type);
      put(below + "/cgroup.events", events);
      return cgroup::takesProcesses(directory);
    };
    CHECK(takes("\n", "domain\n", "populated 1\nfrozen 0\n"));
    CHECK(takes("cpu pids\n", "domain\n", "populated 0\nfrozen 0\n"));
    CHECK(takes("cpu pids\n", "threaded\n", "populated 1\nfrozen 0\n"));
    CHECK_FALSE(takes("cpu pids\n", "domain\n", "populated 1\nfrozen 0\n"));
    CHECK_FALSE(takes("cpu memory pids\n", "domain\n", "populated 0\nfrozen 0\n"));
    CHECK_FALSE(takes("hugetlb\n", "domain\n", "populated 0\nfrozen 0\n"));
    std::filesystem::remove_all(directory);
  }
}

}  // namespace freeze_state::test

#include "../core/os/cgroup_location.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "../core/os/linux/procfs.h"
#include "support/child.h"
#include "support/tasks.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

/// Directories with lists like those of a hierarchy: one with the name `top`, and one below it.
class Lists {
 public:
  Lists() {
    REQUIRE(mkdtemp(top.data()) != nullptr);
    std::filesystem::create_directory(below());
    for (const std::string& directory : {top, below()}) put(directory, {}, {});
  }
  Lists(const Lists&) = delete;
  Lists& operator=(const Lists&) = delete;
  ~Lists() { std::filesystem::remove_all(top); }

  std::string below() const { return top + "/below"; }

  static void put(const std::string& directory, const std::vector<Pid>& processes, const std::vector<Pid>& threads) {
    std::ofstream procs(directory + "/cgroup.procs");
    for (const Pid pid : processes) procs << pid << '\n';
    std::ofstream tasks(directory + "/cgroup.threads");
    for (const Pid id : threads) tasks << id << '\n';
  }

  std::string top = "/tmp/freeze-state-test-XXXXXX";
};

}  // namespace

TEST_SUITE("cgroup location") {
  TEST_CASE("our path is what /proc/self/cgroup has for version 2") {
    std::ifstream lines("/proc/self/cgroup");
    std::string expected;
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("0::")) expected = line.substr(3);
    }
    std::string path = "stale";
    CHECK(cgroup::findPath(getpid(), path) == 0);
    CHECK(path == expected);
  }

  TEST_CASE("a process that is gone has no path and no directory") {
    Child child;
    child.kill();
    child.reap();
    std::string found = "stale";
    CHECK(cgroup::findPath(child.pid(), found) == ESRCH);
    CHECK(found.empty());
    CHECK(cgroup::findDirectory(child.pid(), {"/", "/"}, found) == ESRCH);
    CHECK(found.empty());
  }

  TEST_CASE("a directory is told where the mount shows the path, and none where it does not") {
    std::string path;
    REQUIRE(cgroup::findPath(getpid(), path) == 0);
    if (path.empty() || path == "/") {
      MESSAGE("skipped: this process is in no cgroup of version 2, or in the root");
      return;
    }
    std::string found;
    CHECK(cgroup::findDirectory(getpid(), {"/point", path}, found) == 0);
    CHECK(found == "/point");
    CHECK(cgroup::findDirectory(getpid(), {"/point", path + "/below"}, found) == 0);
    CHECK(found.empty());
  }

  TEST_CASE("a process is found in the group that lists one of its threads, and in no other") {
    const Lists lists;
    const Child child(2);
    REQUIRE(waitUntil([&] { return threadsOf(child.pid()).size() >= 2; }));
    const std::vector<Pid> threads = threadsOf(child.pid());
    const Pid second = *std::ranges::find_if(threads, [&](Pid id) { return id != child.pid(); });
    std::string found = "stale";
    CHECK(cgroup::searchDirectory(child.pid(), lists.top, found) == 0);
    CHECK(found.empty());
    Lists::put(lists.below(), {}, {second});
    CHECK(cgroup::searchDirectory(child.pid(), lists.top, found) == 0);
    CHECK(found == lists.below());
    CHECK(cgroup::searchDirectory(getpid(), lists.top, found) == 0);
    CHECK(found.empty());
    CHECK(cgroup::searchDirectory(child.pid(), lists.top + "/removed", found) == 0);
    CHECK(found.empty());
  }

  TEST_CASE("a process is located by /proc, by the lists where that does not tell, and not at all where it fails") {
    const Lists lists;
    Lists::put(lists.below(), {}, {getpid()});
    const auto located = [&](int error, const char* directory) {
      std::string found = "stale";
      const auto find = [&](Pid /*pid*/, const cgroup::Mount& /*mount*/, std::string& told) {
        told = directory;
        return error;
      };
      return std::pair(cgroup::locate(getpid(), {}, lists.top, found, find), found);
    };
    CHECK(located(0, "/told") == std::pair(0, std::string("/told")));
    CHECK(located(0, "") == std::pair(0, lists.below()));
    CHECK(located(ESRCH, "") == std::pair(0, lists.below()));
    CHECK(located(EMFILE, "") == std::pair(EMFILE, std::string()));
  }

  TEST_CASE("the processes of a group and of those below are listed, except one that has no living thread there") {
    const Lists lists;
    const Child first;
    const Child second;
    Child gone;
    gone.kill();
    gone.reap();
    Lists::put(lists.top, {first.pid(), gone.pid()}, {first.pid()});
    Lists::put(lists.below(), {second.pid()}, {second.pid()});
    std::vector<Pid> pids;
    CHECK(cgroup::processes(lists.top, {lists.top, "/"}, pids) == 0);
    CHECK(pids == std::vector<Pid>{first.pid(), second.pid()});
  }

  TEST_CASE("a thread of another pid namespace, whose id reads as 0, is passed over") {
    const Lists lists;
    Lists::put(lists.top, {}, {0, 7, 0, 8});
    std::vector<Pid> ids;
    CHECK(cgroup::threads(lists.top, ids) == 0);
    CHECK(ids == std::vector<Pid>{7, 8});
    CHECK(cgroup::threads(lists.top + "/removed", ids) == ENOENT);
  }
}

}  // namespace freeze_state::test

#include "../core/os/cgroup_mounts.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace freeze_state::test {

namespace {

/// The chosen mount; one with an empty point where none was chosen.
cgroup::Mount chosenOf(const std::vector<cgroup::Mount>& mounts, const std::string& path, const std::string& own) {
  return cgroup::chooseMount(mounts, path, own).value_or(cgroup::Mount());
}

}  // namespace

TEST_SUITE("cgroup mounts") {
  TEST_CASE("the mount is read out of mountinfo, whatever its place, its options and its name") {
    const std::string text =
        "22 28 0:21 / /proc rw,relatime - proc proc rw\n"
        "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 master:1 - cgroup2 cgroup2 rw,nsdelegate\n"
        "42 31 0:38 /part /mnt/a\\040cgroup rw - cgroup2 none rw\n"
        "43 31 0:39 / /not/cgroup2 rw - ext4 /dev/cgroup2 rw\n";
    const auto mounts = cgroup::parseMounts(text);
    REQUIRE(mounts.size() == 2);
    CHECK(mounts[0].point == "/sys/fs/cgroup/unified");
    CHECK(mounts[0].root == "/");
    CHECK(mounts[1].point == "/mnt/a cgroup");
    CHECK(mounts[1].root == "/part");
  }

  TEST_CASE("a text that is no mountinfo has no mount") {
    for (const char* text : {"", "\n\n", "1 2 3", "41 31 0:38 / /sys/fs/cgroup rw - cgroup2", "- cgroup2 cgroup2 rw"}) {
      for (const auto& mount : cgroup::parseMounts(text)) CHECK(mount.point == "/sys/fs/cgroup");
    }
  }

  TEST_CASE("a path is within a directory if it is that directory, or goes on after it with a slash") {
    CHECK(cgroup::isWithin("/a/b", "/a"));
    CHECK(cgroup::isWithin("/a", "/a"));
    CHECK_FALSE(cgroup::isWithin("/ab", "/a"));
    CHECK_FALSE(cgroup::isWithin("/", "/a"));
  }

  TEST_CASE("of several mounts the one that shows our own cgroup is chosen") {
    const std::vector<cgroup::Mount> mounts{{"/of/another", "/pod/another"}, {"/of/ours", "/pod/ours"}, {"/all", "/"}};
    const auto chosen = [&mounts](const std::string& own) { return chosenOf(mounts, "", own).point; };
    CHECK(chosen("/pod/ours/group") == "/of/ours");
    CHECK(chosen("/pod/ours") == "/of/ours");
    CHECK(chosen("/pod/ourselves") == "/all");
    CHECK(chosen("/pod/another") == "/of/another");
    // No mount shows our cgroup: any of them says so.
    CHECK(chosen("/../outside") == "/of/another");
    CHECK(chosen("") == "/of/another");
    CHECK_FALSE(cgroup::chooseMount({}, "", "/"));
  }

  TEST_CASE("a mount that a later one covers is not chosen") {
    const std::vector<cgroup::Mount> mounts{{"/here", "/"}, {"/here", "/pod/another"}, {"/there", "/pod"}};
    CHECK(chosenOf(mounts, "", "/pod/ours").point == "/there");
    CHECK(chosenOf(mounts, "/here/a", "/pod/ours").root == "/pod/another");
  }

  TEST_CASE("for a path the innermost mount is chosen, wherever our own cgroup is") {
    const std::vector<cgroup::Mount> mounts{{"/a", "/"}, {"/a/b", "/pod"}, {"/c", "/"}};
    CHECK(chosenOf(mounts, "/a/b/group", "/").point == "/a/b");
    CHECK(chosenOf(mounts, "/a/bc", "/").point == "/a");
    CHECK(chosenOf(mounts, "/c", "/").point == "/c");
    CHECK(chosenOf(mounts, "/nowhere", "/").point == "/a");
  }

  TEST_CASE("a directory is where the mount shows the cgroup, if it does") {
    CHECK(cgroup::directoryIn({"/m", "/"}, "/a") == "/m/a");
    CHECK(cgroup::directoryIn({"/m", "/"}, "/") == "/m");
    CHECK(cgroup::directoryIn({"/m", "/a"}, "/a") == "/m");
    CHECK(cgroup::directoryIn({"/m", "/a"}, "/a/b") == "/m/b");
    for (const char* path : {"", "/ab", "/..", "/../a", "/a/b (deleted)"})
      CHECK_FALSE(cgroup::directoryIn({"/m", "/a"}, path));
  }
}

}  // namespace freeze_state::test

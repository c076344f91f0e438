#include "../core/linux/cgroup.h"

#include <doctest/doctest.h>

#include <string>

namespace freeze_state::test {

TEST_SUITE("cgroups") {
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

  TEST_CASE("a text that is none has no mount") {
    for (const char* text : {"", "\n\n", "1 2 3", "41 31 0:38 / /sys/fs/cgroup rw - cgroup2", "- cgroup2 cgroup2 rw"}) {
      for (const auto& mount : cgroup::parseMounts(text)) CHECK(mount.point == "/sys/fs/cgroup");
    }
  }

  TEST_CASE("below is what has the directory in front of a slash") {
    CHECK(cgroup::isWithin("/a/b", "/a"));
    CHECK(cgroup::isWithin("/a", "/a"));
    CHECK_FALSE(cgroup::isWithin("/ab", "/a"));
    CHECK_FALSE(cgroup::isWithin("/", "/a"));
  }
}

}  // namespace freeze_state::test

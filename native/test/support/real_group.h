#pragma once

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "../../core/os/cgroupfs.h"
#include "../../core/os/ledger.h"

namespace freeze_state::test {

/// An empty control group of version 2, for as long as this lives; `path` is empty where we may make none.
struct RealGroup {
  explicit RealGroup(const char* name) {
    cgroup::Mount mount;
    if (!cgroup::findMount({}, mount).empty()) return;
    const std::string wanted = mount.point + "/freeze-state-" + name + "-" + std::to_string(getpid());
    if (mkdir(wanted.c_str(), S_IRWXU) != 0) return;
    if (std::filesystem::exists(wanted + "/cgroup.freeze"))
      path = wanted;
    else
      rmdir(wanted.c_str());
  }
  RealGroup(const RealGroup&) = delete;
  RealGroup& operator=(const RealGroup&) = delete;
  ~RealGroup() { rmdir(path.c_str()); }

  LedgerCgroup recorded(bool isOwned) const {
    struct stat status{};
    CHECK(stat(path.c_str(), &status) == 0);
    return {.path = path, .inode = status.st_ino, .isOwned = isOwned};
  }
  bool exists() const { return std::filesystem::exists(path); }
  bool isFrozen() const {
    std::ifstream file(path + "/cgroup.freeze");
    return file.get() == '1';
  }

  std::string path;
};

inline bool canMake(const RealGroup& group) {
  if (!group.path.empty()) return true;
  MESSAGE("skipped: no control group of version 2 can be made here");
  return false;
}

}  // namespace freeze_state::test

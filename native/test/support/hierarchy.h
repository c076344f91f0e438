#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../../core/modes/cgroup/membership.h"
#include "../../core/modes/cgroup/moves.h"
#include "scripted_tree.h"

namespace freeze_state::test {

/// A hierarchy of directories that tells the processes in each as the kernel's does, and refuses what it is told to.
class Hierarchy {
  /// The table of the processes in it.
  class Table final : public ScriptedTable {
   public:
    explicit Table(Hierarchy& all) : all_(all) {}
    /// Once it was asked about this often, the process is gone.
    bool isExiting(Pid pid) noexcept override {
      const auto found = all_.dying.find(pid);
      if (found == all_.dying.end()) return false;
      if (--found->second <= 0) all_.where.erase(pid), all_.list();
      return true;
    }
    bool delaysFreeze(Pid pid) noexcept override { return all_.awake.contains(pid); }

   private:
    Hierarchy& all_;
  };

 public:
  Hierarchy() {
    // In memory, where that can be: a suite makes thousands.
    const bool isInMemory = std::filesystem::exists("/dev/shm");
    root = std::string(isInMemory ? "/dev/shm" : "/tmp") + "/freeze-state-test-XXXXXX";
    REQUIRE(mkdtemp(root.data()) != nullptr);
    for (const char* below : {"/above/origin", "/by/group"}) std::filesystem::create_directories(root + below);
    for (const std::string& directory : {root + "/by", group()}) write(directory, "cgroup.freeze", "0\n");
    list();
    update();
  }
  Hierarchy(const Hierarchy&) = delete;
  Hierarchy& operator=(const Hierarchy&) = delete;
  ~Hierarchy() { std::filesystem::remove_all(root); }

  Moves moves() {
    return {group(), {root, "/"}, systemTable(), [this](const std::string& directory, Pid pid) {
              return move(directory, pid);
            }};
  }
  std::vector<Pid> inside() {
    std::vector<Pid> pids;
    CHECK(moves().inhabitants(pids) == 0);
    return pids;
  }
  std::string group() const { return root + "/by/group"; }
  std::string origin() const { return root + "/above/origin"; }

  int move(const std::string& directory, Pid pid) {
    asked.emplace_back(directory, pid);
    if (onMove) onMove(pid);
    if (const auto error = refusals.find({directory, pid}); error != refusals.end()) return error->second;
    if (const auto error = refusals.find({directory, 0}); error != refusals.end()) return error->second;
    if (dying.contains(pid)) return 0;
    where[pid] = directory;
    list();
    return 0;
  }

  /// Writes the processes in each directory.
  void list() const {
    for (const std::string& listed : {root, root + "/above", root + "/by", origin(), group()}) {
      std::string inside;
      for (const auto& [pid, directory] : where) {
        if (directory == listed) inside += std::to_string(pid) + "\n";
      }
      for (const char* file : {"cgroup.procs", "cgroup.threads"}) write(listed, file, inside);
    }
  }

  /// What the kernel does a moment after cgroup.freeze was written: cgroup.events is updated.
  void update() const {
    const bool isPopulated = std::ranges::any_of(where, [&](const auto& one) { return one.second == group(); });
    std::string events(isPopulated ? "populated 1\n" : "populated 0\n");
    events += isFrozen() ? "frozen 1\n" : "frozen 0\n";
    write(group(), "cgroup.events", events);
  }
  /// Whether cgroup.freeze asks for a freeze.
  bool isFrozen() const {
    std::ifstream file(group() + "/cgroup.freeze");
    return file.get() == '1';
  }
  static void write(const std::string& directory, const std::string& file, const std::string& text) {
    std::ofstream(directory + "/" + file) << text;
  }

  /// How a membership locates and moves processes here.
  CgroupAccess access() {
    const auto find = [this](Pid pid, const cgroup::Mount& /*mount*/, std::string& directory) {
      ++lookups;
      const auto found = where.find(pid);
      directory = found == where.end() ? origin() : found->second;
      if (isUnseen) directory.clear();
      const auto unknown = unknowns.find(pid);
      return unknown == unknowns.end() ? 0 : unknown->second;
    };
    return {find, [this](const std::string& directory, Pid pid) { return move(directory, pid); }, &table};
  }

  void put(Pid pid) {
    where[pid] = group();
    list();
  }

  std::string root;
  std::map<Pid, std::string> where;
  std::map<std::pair<std::string, Pid>, int> refusals;  ///< pid 0 stands for every process
  std::map<Pid, int> unknowns;                          ///< the errors because of which it is unknown where these are
  bool isUnseen = false;                                ///< the paths that /proc has do not fit the mount
  std::map<Pid, int> dying;  ///< those that are not moved, and how often each is asked about until it is gone
  std::set<Pid> awake;       ///< those that run although the group is frozen
  std::vector<std::pair<std::string, Pid>> asked;
  Table table{*this};
  int lookups = 0;  ///< how often it was asked where a process is
  std::function<void(Pid)> onMove;
};

}  // namespace freeze_state::test

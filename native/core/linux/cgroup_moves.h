#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cgroup.h"
#include "cgroup_registry.h"

namespace freeze_state {

/// Moves processes into one control group, and out of it to where they came from or, where that takes none any more, to
/// the nearest that does.
class CgroupMoves {
 public:
  /// Moves the process into the directory. Returns 0, or the errno(3).
  using Move = std::function<int(const std::string& directory, Pid pid)>;

  /// The directory and the mount that it is in. A test moves by other means.
  CgroupMoves(std::string path, cgroup::Mount mount, Move move = cgroup::join)
      : path_(std::move(path)), mount_(std::move(mount)), move_(std::move(move)) {}

  int in(Pid pid) const { return move_(path_, pid); }

  /// The process goes to the first of its homes that takes it; else next to the group, and then to the nearest above
  /// its last home and above the group. All refuse: the failure says what the first of these answered that exists.
  Failures out(Pid pid, const Homes& homes) const;

  /// The same for the process and those in the group that descend from it, and not from one of those that are apart.
  /// All of them or none: where one cannot be moved, those that were are moved back in.
  Failures familyOut(Pid pid, const Homes& homes, const std::vector<Pid>& apart) const;

  /// Who is in it, or below it. Returns 0, or the errno(3) for which some may be missing.
  int inhabitants(std::vector<Pid>& pids) const;

 private:
  int findFamily(const std::vector<Pid>& roots, const std::vector<Pid>& apart, std::vector<Pid>& family) const;

  const std::string path_;
  const cgroup::Mount mount_;
  const Move move_;
};

}  // namespace freeze_state

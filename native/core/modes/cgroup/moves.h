#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "../../os/cgroupfs.h"
#include "../../os/process_table.h"

namespace freeze_state {

/// Moves processes into one control group, and out of it again: to where they came from, or, where that group takes no
/// process any more, to the nearest that does.
class Moves {
 public:
  /// Moves the process into the directory. Returns 0, or the errno(3).
  using Move = std::function<int(const std::string& directory, Pid pid)>;

  /// `path` is the group's directory, and `mount` is the mount that it is in. A test replaces `move`.
  Moves(std::string path, cgroup::Mount mount, ProcessTable& table, Move move)
      : path_(std::move(path)), mount_(std::move(mount)), table_(table), move_(std::move(move)) {}

  /// Moves the process into the group. Returns 0, or the errno(3).
  int in(Pid pid) const { return move_(path_, pid); }

  /// Moves the process to its origin, or else to the first of these that takes it: the group's parent, the directories
  /// above the origin from the nearest on, and those above the group. If all refuse, the failure has the answer of the
  /// first of them that exists. If the origin is this group or below it, the process stays. An empty origin is unknown.
  Failures out(Pid pid, const std::string& origin) const;

  struct Leaver {
    Pid pid;
    std::string origin;
  };
  /// Where a process that is not a leaver came from; empty where it was forked in the group.
  using OriginOf = std::function<std::optional<std::string>(Pid)>;
  /// What to do with the processes that were moved out already, when an error leaves it unknown whether their subtrees
  /// are complete.
  enum class Incomplete : std::uint8_t {
    BackIn,   ///< a freeze may follow, which must reach them
    StayOut,  ///< no freeze follows
  };
  /// Moves out each leaver with its subtree. That is its descendants in the group, but for those below another leaver
  /// or below a process in `apart`. All of a subtree or none: where one process cannot be moved, those that were are
  /// moved back in. A process that was forked in the group goes to where the leaver does.
  Failures subtreesOut(const std::vector<Leaver>& leavers, const OriginOf& originOf,
                       const std::unordered_set<Pid>& apart, Incomplete incomplete) const;

  /// Appends the processes in the group and below it. Returns 0, or the errno(3) because of which some may be missing.
  int inhabitants(std::vector<Pid>& pids) const;

 private:
  /// The index of the leaver whose subtree a process is in.
  using Leavers = std::unordered_map<Pid, std::size_t>;
  struct Moved {
    Pid pid;
    std::size_t leaver;
  };
  void backIn(const std::vector<Moved>& moved) const;
  int findDescendants(const Leavers& leaverOf, const std::unordered_set<Pid>& apart,
                      std::vector<Moved>& descendants) const;

  const std::string path_;
  const cgroup::Mount mount_;
  ProcessTable& table_;
  const Move move_;
};

}  // namespace freeze_state

#pragma once

#include <cstddef>
#include <optional>
#include <unordered_set>
#include <vector>

#include "../os/process_table.h"
#include "../slice.h"
#include "descendants.h"
#include "member_list.h"
#include "stop_protocol.h"

namespace freeze_state {

/// The processes of the trees that are being stopped: the roots, and the descendants that were found. Used by one walk.
class TreeSet {
 public:
  TreeSet(ProcessControl& control, ProcessTable& table, MemberList& roots, Descendants& descendants,
          const StopProtocol& protocol);

  /// The one with this pid, or null; the living one, where the number of a dead one was reused.
  Member* find(Pid pid) noexcept;
  /// It lives, as far as is known, and is stopped or was signalled.
  bool isKnown(Pid pid) const { return known_.contains(pid); }
  /// It is a zombie, and so listed among the children of its parent still.
  bool isDead(Pid pid) const { return dead_.contains(pid); }
  /// All that live, as far as is known: the roots, then the descendants as they were found. Each comes after its
  /// parent, unless it is a root, or was found below a root before the process that has adopted it.
  std::vector<Pid> living() const;

  /// Asks the kernel whether it has exited.
  bool hasExited(Member& member) noexcept;
  /// The same of all. Whether one has that was known to live.
  bool findExited() noexcept;
  /// It has exited: what it leaves behind has another parent now.
  void forget(Pid pid);

  /// What became of a process that was listed as a child.
  struct Adoption {
    Failures failures = {};  // NOLINT(readability-redundant-member-init): GCC warns of initializers that leave it out
    bool isNew = false;      ///< it lives, and belongs to the set from now on
  };
  /// Takes hold of the process, and signals it if it then still is the child of that parent, and not stopped.
  Adoption adopt(Pid pid, Pid parent, const Slice& slice);

  /// Whose child a process is now, and whether it is stopped. Returns 0, or the errno(3); nothing where a thaw came
  /// before that was known.
  struct Relation {
    Pid parent = 0;
    bool isStopped = false;
  };
  static std::optional<int> readRelation(ProcessTable& table, const Process& process, const Slice& slice,
                                         Relation& relation);

 private:
  Adoption signal(Member& child, Pid parent, const Slice& slice);

  ProcessControl& control_;
  ProcessTable& table_;
  MemberList& roots_;
  Descendants& descendants_;
  StopProtocol protocol_;

  std::unordered_set<Pid> known_;  ///< all that live and are signalled
  std::unordered_set<Pid> dead_;   ///< listed as children still, and zombies
};

}  // namespace freeze_state

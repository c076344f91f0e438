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

  /// The one with this pid, or null. Where the pid of a dead one was reused it is the live one.
  Member* find(Pid pid) noexcept;
  /// Whether the process lives, as far as is known, and was stopped before or signalled.
  bool isKnown(Pid pid) const { return known_.contains(pid); }
  /// Whether the process is a zombie, which the list of its parent's children still has.
  bool isDead(Pid pid) const { return dead_.contains(pid); }
  /// All that live, as far as is known: the roots, then the descendants as they were found. Parents come before their
  /// children, with two exceptions: a root, and a process whose adoptive parent was found later.
  std::vector<Pid> living() const;

  /// Asks the kernel whether the member has exited; forgets it if so.
  bool checkExited(Member& member) noexcept;
  /// Does so for all. Returns whether one has exited that was known to live.
  bool findExited() noexcept;
  /// Takes an exited process out of the set. The children that it leaves behind have another parent now.
  void forget(Pid pid);

  /// What became of a process that was listed as a child.
  struct Adoption {
    Failures failures = {};  // NOLINT(readability-redundant-member-init): GCC warns of initializers that leave it out
    bool isNew = false;      ///< it lives, and belongs to the set from now on
  };
  /// Takes hold of a process that was listed as a child of that parent. If it still is one, it belongs to the set, and
  /// is signalled unless it is stopped. Fails with `OwnAncestor` where it is our own process, with `Unreadable`, and as
  /// `ProcessControl::open` and `StopProtocol::stop` do.
  Adoption adopt(Pid pid, Pid parent, const Slice& slice);

  /// Takes hold again of a process that the last freeze has found: as `adopt`, but nothing has listed it. False where
  /// it lives and does not belong to the set yet: if it is in the trees, a pass meets it.
  bool readopt(const Descendants::Link& link, const Slice& slice);

  /// Whose child a process is now, and whether it is stopped, no matter by which process.
  struct Relation {
    Pid parent = 0;
    bool isStopped = false;
  };
  /// Returns 0, or the errno(3); empty where a thaw came before that was known.
  static std::optional<int> readRelation(ProcessTable& table, const Process& process, const Slice& slice,
                                         Relation& relation);

 private:
  Adoption signal(Member& child, Pid parent, const Slice& slice);

  ProcessControl& control_;
  ProcessTable& table_;
  MemberList& roots_;
  Descendants& descendants_;
  StopProtocol protocol_;

  std::unordered_set<Pid> known_;  ///< all that live, and were stopped before or signalled
  std::unordered_set<Pid> dead_;   ///< zombies, which lists of children still have
};

}  // namespace freeze_state

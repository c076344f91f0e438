#pragma once

#include <string>
#include <vector>

#include "membership.h"

namespace freeze_state {

/// Brings one process with all its descendants into the group of a membership, all of them or none. Made for one
/// process, under the state's lock.
class Admission {
 public:
  /// `isFrozenByUs`: we froze the group, and so they are frozen as well.
  Admission(Membership& membership, bool isFrozenByUs) noexcept
      : membership_(membership),
        group_(membership.group_),
        control_(membership.control_),
        table_(membership.table_),
        moves_(membership.moves_),
        isFrozenByUs_(isFrozenByUs) {}

  /// Moves in the process, which is held, with its descendants. On failure those that were moved are moved back; what
  /// cannot be is a failure, too.
  Failures run(Process& process);
  /// Takes note of a child of ours that moves itself in. The child does nothing else before it executes its program. In
  /// a frozen group it freezes before the program begins.
  Failures expect(Pid pid) const;

 private:
  /// What was done to have a process inside.
  struct Taken {
    Pid pid;
    bool isNoted;
    bool wasMoved;
  };

  Failures take(Process& process);
  Failures takeChild(Pid child, Pid parent);
  Failures takeDescendants(Pid root);
  Failures moveIn(Process& process, const std::string& here) const;
  Failures giveBack() const;
  Failures whyHeld(Pid pid, const std::string& here) const;
  Failures whyFrozen(Pid pid, const std::string& here) const;
  std::string originOf(Pid pid, const std::string& here) const;

  Membership& membership_;
  FreezableCgroup& group_;
  ProcessControl& control_;
  ProcessTable& table_;
  const Moves& moves_;
  const bool isFrozenByUs_;
  std::vector<Taken> taken_;  ///< so far, in this order
};

}  // namespace freeze_state

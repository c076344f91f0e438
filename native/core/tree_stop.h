#pragma once

#include <chrono>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "family.h"
#include "member_list.h"
#include "scope.h"
#include "signaller.h"

namespace freeze_state {

/// One stop of trees.
///
/// A process that runs may fork at any moment, and kill(2) returns before its target has stopped. So each process is
/// signalled, awaited, and only then asked for its children; those are signalled in turn, until a pass over processes
/// that are all stopped finds nobody new. What exits meanwhile may leave its children to another process of the tree (a
/// PR_SET_CHILD_SUBREAPER, prctl(2)), so a pass that met such an exit is not the last.
///
/// Between any two system calls of more than a few microseconds the ticket is looked at, and then the stop ends (G6).
class TreeStop {
 public:
  TreeStop(Signaller& signaller, Family& family, MemberList& roots, MemberList& descendants, const Ticket& ticket);

  /// Goes on from the roots and descendants that have been signalled. On failure, and where the ticket is not current
  /// any more, everything that was signalled is in one of the lists, with its mark. Fails with `NeverStopped`,
  /// `Unreadable`, `OwnAncestor`, `ResourceExhausted`, and as a signal does.
  Failures run();

 private:
  using Clock = std::chrono::steady_clock;

  std::vector<Pid> everyone() const;
  bool isSettled(Pid pid, Failures& failures);
  bool isInVfork(Pid pid);
  Failures findReady(const std::vector<Pid>& pids, std::vector<Pid>& ready, std::vector<Pid>& waiting);
  Failures neverStopped(const std::vector<Pid>& ready, const std::vector<Pid>& waiting) const;
  Failures ask(const std::vector<Pid>& pids, bool isWhole, std::vector<Pid>& again);
  Failures findChildren(Pid parent, bool isWhole);
  Failures adopt(Pid pid, Pid parent);
  Member* find(Pid pid) noexcept;
  bool isGone(Member& member) noexcept;
  void forget(Pid pid);

  Signaller& signaller_;
  Family& family_;
  MemberList& roots_;
  MemberList& descendants_;
  const Ticket& ticket_;

  std::unordered_set<Pid> known_;    ///< all that live and are signalled
  std::unordered_set<Pid> dead_;     ///< listed as children still, and zombies
  std::unordered_set<Pid> blocked_;  ///< see `isSettled`
  std::unordered_map<Pid, Clock::time_point> asleepSince_;
  std::vector<Pid> found_;   ///< in this pass
  bool hasChanged_ = false;  ///< in this pass somebody exited, or was given to another parent
};

}  // namespace freeze_state

#pragma once

#include <cstddef>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "../os/process_table.h"
#include "../slice.h"
#include "../step.h"
#include "descendants.h"
#include "member_list.h"
#include "stop_protocol.h"

namespace freeze_state {

/// One stop of trees.
///
/// A process that runs may fork at any moment, and kill(2) returns before its target has stopped. So each process is
/// signalled, awaited, and only then asked for its children; those are signalled in turn. This ends with a pass over
/// processes that are all stopped and that finds no new process. A process that exits meanwhile may leave its children
/// to another process of the tree (a PR_SET_CHILD_SUBREAPER, prctl(2)), so a pass that saw such an exit is not the
/// last.
///
/// It is done in steps of some microseconds. Between any two of them the slice is asked, and then the walk ends (G6),
/// or waits for its next call.
class TreeWalk {
 public:
  /// Continues from the roots and descendants that have been signalled.
  TreeWalk(ProcessControl& control, ProcessTable& table, ChildReader& reader, MemberList& roots,
           Descendants& descendants, const StopProtocol& protocol);

  /// Takes one step at least. Done: all of the trees has stopped, or what has not cannot fork. On failure, and where it
  /// was cancelled, everything that was signalled is in one of the lists, with its mark. Fails with `Unreadable`,
  /// `OwnAncestor`, `ResourceExhausted`, and as a signal does; without a deadline with `NeverStopped`, too.
  Step run(const Slice& slice);

  /// Whose child a process is now, and whether it is stopped. Returns 0, or the errno(3); nothing where a thaw came
  /// before that was known.
  struct Relation {
    Pid parent = 0;
    bool isStopped = false;
  };
  static std::optional<int> readRelation(ProcessTable& table, Pid pid, const Slice& slice, Relation& relation);

 private:
  /// A process that is being asked for its children.
  struct Parent {
    Pid pid;
    std::vector<Pid> children;  ///< those not visited yet, the youngest last
    bool isListed;              ///< all that it has are in the list
    bool hasChanged;            ///< a child was found, or found to have exited, or to have another parent
  };

  /// A process that may wait in vfork(2).
  struct Sleeper {
    Pid pid;
    bool hasBegunPass;
    std::vector<Pid> children;
  };

  bool isDone() const noexcept { return round_.toAsk.empty(); }
  void beginRound(std::vector<Pid> toAsk);
  Step takeStep(const Slice& slice);
  Step probeNext(const Slice& slice);
  Step beginPass(const Slice& slice);
  Failures listChildren(Parent& parent, const Slice& slice);
  Failures takeNextChild(Parent& parent, const Slice& slice);
  void endRound();
  Failures neverStopped(bool isBlocked) const;

  std::vector<Pid> living() const;
  std::optional<bool> canBeAsked(Pid pid, const Slice& slice, Failures& failures);
  std::optional<bool> isInVfork(Pid pid, const Slice& slice);
  Failures adopt(Pid pid, Parent& parent, const Slice& slice);
  Member* find(Pid pid) noexcept;
  bool hasExited(Member& member) noexcept;
  void forget(Pid pid);

  ProcessControl& control_;
  ProcessTable& table_;
  ChildReader& reader_;
  MemberList& roots_;
  Descendants& descendants_;
  StopProtocol protocol_;

  /// First each is probed; then those that have stopped are asked.
  struct Round {
    std::vector<Pid> toAsk;
    std::size_t probed = 0;    ///< so many have been
    std::vector<Pid> ready;    ///< of those: can be asked for their children
    std::vector<Pid> waiting;  ///< of those: may fork yet
    bool hasBegunPass = false;
    std::size_t asked = 0;         ///< so many of the ready ones have been asked
    std::optional<Parent> parent;  ///< that is being asked
    std::vector<Pid> again;        ///< those to be asked again at once
    std::vector<Pid> found;        ///< new ones
  };
  Round round_;
  bool isQuiet_ = true;  ///< this round has asked all processes, each stopped by its beginning, and found nothing new

  Deadline begin_;
  Deadline lastProgress_;

  std::unordered_set<Pid> known_;                  ///< all that live and are signalled
  std::unordered_set<Pid> dead_;                   ///< listed as children still, and zombies
  std::unordered_set<Pid> blocked_;                ///< see `canBeAsked`
  std::unordered_map<Pid, Deadline> asleepSince_;  ///< or since it was last found to be in no vfork(2)
  std::optional<Sleeper> sleeper_;                 ///< that is being asked whether it is
};

}  // namespace freeze_state

#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "../deadline.h"
#include "../os/process_table.h"
#include "../slice.h"
#include "../step.h"
#include "descendants.h"
#include "fork_watch.h"
#include "member_list.h"
#include "stop_protocol.h"
#include "tree_pass.h"
#include "tree_set.h"

namespace freeze_state {

/// One stop of trees.
///
/// A process that runs may fork at any moment, and kill(2) returns before its target has stopped. So all that are known
/// are signalled and listed first, while the stops take effect: passes go down the trees until they find nobody new.
/// Then the walk waits until each has stopped. A closing pass (tree_pass.h) then proves that nobody is missing, or
/// finds who is; those are signalled, and so on.
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

 private:
  /// Probes of those that may fork yet, each once.
  struct Round {
    std::vector<Pid> toProbe;
    std::size_t probed = 0;    ///< so many of them
    std::vector<Pid> waiting;  ///< of those: may fork yet
    std::vector<Pid> ready;    ///< of those: have stopped since they were last asked
  };

  Step takeStep(const Slice& slice);
  Step endPass(TreePass& pass);
  void beginPass(TreePass::Kind kind, const std::vector<Pid>& toAsk);
  Step probeNext(const Slice& slice);
  Step endRound();
  void beginRound(std::vector<Pid> toProbe);
  Failures neverStopped() const;

  ProcessControl& control_;
  ChildReader& reader_;
  TreeSet set_;
  ForkWatch watch_;

  std::optional<TreePass> pass_;  ///< in progress; else the round is
  Round round_;
  bool isDone_ = false;

  Deadline begin_;
  Deadline lastProgress_;
};

}  // namespace freeze_state

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
/// are signalled and listed first, while the stops take effect: passes go down the trees until they find no new
/// process. Then the walk waits until each has stopped. A closing pass (tree_pass.h) then proves that no process is
/// missing, or finds those that are; they are signalled, and so on.
///
/// Most often the trees are as the last freeze has left them. So what that has found is signalled first. If all of it
/// is still there, and stops at once, nothing is listed before the closing pass.
///
/// It is done in steps of some microseconds. It checks the slice between any two of them: a thaw ends the walk (G6),
/// and a deadline pauses it until the next call.
class TreeWalk {
 public:
  /// Continues from the roots and descendants that have been signalled.
  TreeWalk(ProcessControl& control, ProcessTable& table, ChildReader& reader, MemberList& roots,
           Descendants& descendants, const StopProtocol& protocol);

  /// Takes one step at least, unless a thaw came first. Done: each process of the trees has stopped, or cannot fork. On
  /// failure, and where it was cancelled, everything that was signalled is in one of the lists, with its mark. Fails
  /// with `Unreadable`, `OwnAncestor`, `ResourceExhausted`, and as `StopProtocol::stop` does. Without a deadline it
  /// also fails with `NeverStopped`; with one, the caller decides how long is too long.
  Step run(const Slice& slice);

 private:
  /// One probe of each process that may still fork.
  struct Round {
    std::vector<Pid> toProbe;
    std::size_t probed = 0;    ///< how many of them were
    std::vector<Pid> waiting;  ///< those probed that may still fork
    std::vector<Pid> ready;    ///< those probed that have stopped since they were last asked
  };

  void wait(Deadline now) noexcept;
  Step takeStep(const Slice& slice);
  Step readoptNext(std::vector<Descendants::Link>& links, const Slice& slice);
  Step endPass(TreePass& pass);
  void beginPass(TreePass::Kind kind, const std::vector<Pid>& toAsk);
  Step probeNext(const Slice& slice);
  Step endRound();
  void beginRound();
  void beginRound(std::vector<Pid> toProbe);
  Failures neverStopped() const;

  ProcessControl& control_;
  ChildReader& reader_;
  TreeSet set_;
  ForkWatch watch_;

  std::optional<std::vector<Descendants::Link>> toReadopt_;  ///< what the last freeze has found, while that comes first
  std::optional<TreePass> pass_;                             ///< in progress, once that is done; else the round is
  Round round_;
  /// Since when no round has found one that has stopped, where the last freeze has found all that is signalled and
  /// nothing was listed since. `kNoDeadline`: the first round is not over. Else empty.
  std::optional<Deadline> idleAsFound_;
  bool isDone_ = false;

  Deadline begin_;
  Deadline lastProgress_;
  Deadline lastPause_;  ///< when it ended
};

}  // namespace freeze_state

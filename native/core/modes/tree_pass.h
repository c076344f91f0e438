#pragma once

#include <cstdint>
#include <optional>
#include <unordered_set>
#include <vector>

#include "../os/process_table.h"
#include "../slice.h"
#include "../step.h"
#include "tree_set.h"

namespace freeze_state {

/// One pass over processes of a tree: each is asked for its children, and those that are new are signalled.
///
/// A spreading pass finds most of them, whether or not the processes that it asks have stopped.
///
/// A closing pass proves that no process is missing. When it begins, every known process has stopped or cannot fork. It
/// asks each of them only after all of its children, so from the leaves to the roots. It is a proof if it met only
/// known processes, and none of them has died meanwhile:
///
/// - When a process was asked, all of its children were known and had been asked before. So, step by step upwards, all
///   that was below it was known.
/// - This stays true. The known processes fork no more. So a new process could only be the child of another unknown
///   process, and there was none below the known ones. Orphans only move up, to a process above their parent
///   (PR_SET_CHILD_SUBREAPER, prctl(2)), and that one is asked later.
///
/// From the roots to the leaves, an orphan could move up to a process that had been asked already.
class TreePass {
 public:
  enum class Kind : std::uint8_t { Spreading, Closing };

  /// `toAsk`: for a closing pass all that are known, in the order of `TreeSet::living`.
  TreePass(TreeSet& set, ChildReader& reader, Kind kind, const std::vector<Pid>& toAsk);

  /// Done once all were asked. Fails with `Unreadable`, `OwnAncestor`, `ResourceExhausted`, and as `StopProtocol::stop`
  /// does.
  Step step(const Slice& slice);

  bool isClosing() const noexcept { return kind_ == Kind::Closing; }
  /// Whether this is a closing pass that met only known processes. `TreeSet::findExited` tells whether one of them has
  /// died meanwhile.
  bool hasMetNoneNew() const noexcept { return isClosing() && !hasMetNew_; }
  /// The processes that this pass has added to the set.
  const std::vector<Pid>& found() const noexcept { return found_; }
  /// The processes to ask in another pass at once, before any wait.
  std::vector<Pid> next() const;

 private:
  /// A process that is being asked for its children.
  struct Parent {
    Pid pid;
    std::vector<Pid> children;  ///< those that were read and not visited yet, the youngest last
    std::vector<Pid> unasked;   ///< known children that a closing pass has to ask first
    bool isListed;              ///< all of its children were read
    bool hasChanged;            ///< it had a child that was not known, or has exited itself
  };

  /// Empty once all were asked.
  std::optional<Parent> nextParent();
  Failures listChildren(Parent& parent, const Slice& slice);
  Failures takeNextChild(Parent& parent, const Slice& slice);
  void endParent(const Parent& parent);

  TreeSet& set_;
  ChildReader& reader_;
  const Kind kind_;
  std::vector<Pid> toAsk_;  ///< the next one last
  std::unordered_set<Pid> asked_;
  std::optional<Parent> parent_;
  std::vector<Pid> again_;  ///< those to be asked again at once
  std::vector<Pid> found_;
  bool hasBegun_ = false;
  bool hasMetNew_ = false;
};

}  // namespace freeze_state

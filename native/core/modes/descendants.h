#pragma once

#include <unordered_map>
#include <unordered_set>

#include "member_list.h"

namespace freeze_state {

/// The processes that a freeze of trees has found besides the members, and the parent of each. In the order in which
/// they were found.
struct Descendants {
  explicit Descendants(ProcessControl& control) noexcept : list(control), control_(control) {}

  void add(Member member, Pid parent);
  void remove(Member& member);
  /// Keeps only those that still are stopped by us. Of the others, what may stay open is left open for the next freeze.
  void keepSent() noexcept;
  /// The same among these; all others are kept.
  void keepSent(const std::unordered_set<Pid>& among) noexcept;
  void clear() noexcept;
  /// What was left open of the one with this number at a thaw before. It may have exited since.
  Process recall(Pid pid) noexcept;
  /// A walk has found all that there are: closes what was left open of others.
  void forgetUnmet() noexcept { kept_.clear(); }
  /// The parent that it was found with; 0 for one that is no descendant.
  Pid parentOf(Pid pid) const noexcept;

  MemberList list;

 private:
  void keep(Member& member) noexcept;

  ProcessControl& control_;
  std::unordered_map<Pid, Pid> parents_;
  std::unordered_map<Pid, Process> kept_;  ///< that thaws have continued, and no walk has met since
};

}  // namespace freeze_state

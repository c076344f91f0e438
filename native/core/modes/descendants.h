#pragma once

#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "member_list.h"

namespace freeze_state {

/// The processes that a freeze of trees has found besides the members, and the parent of each. In the order in which
/// they were found.
struct Descendants {
  explicit Descendants(ProcessControl& control) noexcept : list(control) {}

  void add(Member member, Pid parent);
  void remove(Member& member);
  /// Keeps only those that still are stopped by us, and the open files of the others for the next freeze.
  void keepSent() noexcept;
  /// The same among these; all others are kept.
  void keepSent(const std::unordered_set<Pid>& among) noexcept;
  void clear() noexcept;
  /// Gives the process the files of /proc that were kept of the one with its number in the freeze before, which is most
  /// often the same.
  void recall(Process& process) noexcept;
  /// The parent that it was found with; 0 for one that is no descendant.
  Pid parentOf(Pid pid) const noexcept;

  MemberList list;

 private:
  void remember();

  std::unordered_map<Pid, Pid> parents_;
  std::unordered_map<Pid, std::shared_ptr<ProcessFiles>> remembered_;  ///< of those that the last thaw has continued
};

}  // namespace freeze_state

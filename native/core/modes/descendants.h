#pragma once

#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "member_list.h"

namespace freeze_state {

/// The processes that a freeze of trees has found besides the members, in the order in which they were found, and the
/// parent of each.
struct Descendants {
  explicit Descendants(ProcessControl& control) noexcept : list(control), control_(control) {}

  /// Adds a process that is held, and the parent under which it was found. Owns the hold from now on.
  void add(Member member, Pid parent);
  /// Releases one of them and forgets it.
  void remove(Member& member);
  /// Drops those that are not stopped by us any more. Their descriptors stay open for the next freeze, as far as the
  /// budget allows (`ProcessControl::keep`).
  void dropResumed() noexcept;
  /// Drops those of `among` that are not stopped by us any more, and leaves nothing of them open. All others are kept.
  void closeResumed(const std::unordered_set<Pid>& among) noexcept;
  /// Drops all of them, and closes what was left open.
  void clear() noexcept;
  /// The process with this pid, with what an earlier thaw has left open of it; only the pid is set where that is
  /// nothing. The caller owns it from now on. The process may have exited since.
  Process recall(Pid pid) noexcept;

  /// A process, and the parent under which it was found.
  struct Link {
    Pid pid;
    Pid parent;
  };
  /// All that a walk has found and a thaw has continued since, in the order in which they were found; `recall` has the
  /// processes. Empty where these are not all of them, and where they were taken before.
  std::optional<std::vector<Link>> takeResumed() noexcept;
  /// Call it when a walk has found every descendant. Closes what was left open of processes that it has not met.
  void noteComplete() noexcept;
  /// Call it where there may be descendants that no walk has looked for.
  void noteIncomplete() noexcept { isComplete_ = false; }

  /// The parent under which the process was found; 0 where it is not one of these.
  Pid parentOf(Pid pid) const noexcept;

  MemberList list;

 private:
  void keep(Member& member) noexcept;

  ProcessControl& control_;
  std::unordered_map<Pid, Pid> parents_;
  std::unordered_map<Pid, Process> kept_;  ///< those that a thaw has continued, and no walk has met since
  std::vector<Link> resumed_;              ///< those that a thaw has continued since the last walk
  bool isComplete_ = false;                ///< `resumed_` and the list are all that the last walk has found
};

}  // namespace freeze_state

#pragma once

#include <cstdint>
#include <utility>

#include "failure.h"
#include "slice.h"

namespace freeze_state {

/// What became of one step of work: a freeze, a walk through a tree and a confirmation are all done in steps.
///
/// A question about a process returns no step but an answer: a `std::optional`, which is empty where the slice cut it
/// short. What the answer means for the work, the caller decides: ESRCH, say, of a process that /proc may hide.
struct [[nodiscard]] Step {
  enum class Kind : std::uint8_t {
    Done,       ///< nothing is left to do
    Cancelled,  ///< over and unfinished: the state has moved on, and the call that moved it undoes what was done
    More,       ///< the next step continues it
    Blocked,    ///< the next step continues it, and finds nothing to do before a process that was signalled has stopped
    Failed,     ///< it is over, for these reasons
  };
  Kind kind = Kind::Done;
  Failures failures = {};  // NOLINT(readability-redundant-member-init): GCC warns of initializers that leave it out

  static Step done() { return {Kind::Done}; }
  static Step cancelled() { return {Kind::Cancelled}; }
  static Step more() { return {Kind::More}; }
  static Step blocked() { return {Kind::Blocked}; }
  static Step failed(Failures failures) { return {Kind::Failed, std::move(failures)}; }
  /// For work that the slice has ended before it was done.
  static Step endedBy(const Slice& slice) { return slice.isCancelled() ? cancelled() : more(); }
  /// Done, or failed where there are failures.
  static Step ended(Failures failures) { return failures.empty() ? done() : failed(std::move(failures)); }
  /// More, or failed where there are failures.
  static Step continued(Failures failures) { return failures.empty() ? more() : failed(std::move(failures)); }

  bool isDone() const noexcept { return kind == Kind::Done; }
  bool hasFailed() const noexcept { return kind == Kind::Failed; }
  /// Whether a further step is needed.
  bool isUnfinished() const noexcept { return kind == Kind::More || kind == Kind::Blocked; }
};

}  // namespace freeze_state

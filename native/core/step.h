#pragma once

#include <cstdint>
#include <utility>

#include "failure.h"
#include "slice.h"

namespace freeze_state {

/// The result of one step of work. A freeze, a walk through a tree and a confirmation are all done in steps.
///
/// A question about a process does not return a step. It returns a `std::optional`, which is empty where the slice cut
/// the question short. The caller decides what the answer means for the work: ESRCH, for example, may also come from a
/// process that /proc hides.
struct [[nodiscard]] Step {
  enum class Kind : std::uint8_t {
    Done,         ///< nothing is left to do
    Cancelled,    ///< over: the state has moved on, and the call that moved it undoes what was done
    More,         ///< the next step continues it
    Blocked,      ///< the next step continues it, but has nothing to do until a process that was signalled has stopped
    Indivisible,  ///< the next step continues it and takes long, so the caller turns to its other work first
    Failed,       ///< it is over, for these reasons
  };
  Kind kind = Kind::Done;
  Failures failures = {};  // NOLINT(readability-redundant-member-init): GCC warns of initializers that leave it out

  static Step done() { return {Kind::Done}; }
  static Step cancelled() { return {Kind::Cancelled}; }
  static Step more() { return {Kind::More}; }
  static Step blocked() { return {Kind::Blocked}; }
  static Step indivisible() { return {Kind::Indivisible}; }
  static Step failed(Failures failures) { return {Kind::Failed, std::move(failures)}; }
  /// For unfinished work at the end of its slice: cancelled if the ticket says so, else more.
  static Step endedBy(const Slice& slice) { return slice.isCancelled() ? cancelled() : more(); }
  /// Done, or failed where there are failures.
  static Step ended(Failures failures) { return failures.empty() ? done() : failed(std::move(failures)); }
  /// More, or failed where there are failures.
  static Step continued(Failures failures) { return failures.empty() ? more() : failed(std::move(failures)); }

  bool isDone() const noexcept { return kind == Kind::Done; }
  bool hasFailed() const noexcept { return kind == Kind::Failed; }
  /// Whether a further step is needed.
  bool isUnfinished() const noexcept {
    return kind == Kind::More || kind == Kind::Blocked || kind == Kind::Indivisible;
  }
};

}  // namespace freeze_state

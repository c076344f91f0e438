#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "../modes/freezer.h"
#include "../slice.h"
#include "../step.h"
#include "backoff.h"
#include "listener.h"

namespace freeze_state {

class FreezeState;

/// The members at the end of a freeze: their pids in registration order.
struct Roster {
  std::vector<Pid> registered;
  std::vector<Pid> left;  ///< those that stayed members when the freeze dropped the ones that had exited
};

/// One freeze of a state at an epoch. It is in progress at first and then in force, until the state moves on.
/// `freezeAtEpoch` makes one and finishes it in one call; a confirmation takes one through its steps. Destroying it
/// while it is in progress rolls it back.
///
/// Used by one thread. The state knows which of its attempts is in progress. A thaw, in any thread, rolls that one
/// back. Another attempt at the same epoch takes over what it has done, so that the two are one freeze. The functions
/// that work on the state take its lock. An attempt that succeeds allocates only for a confirmation; for what its mode
/// allocates see `FreezeState`.
class Attempt {
 public:
  /// Does nothing before the first call of `freeze`. `caller` is the caller's own listener, which is not told of the
  /// changes that this attempt makes; null where there is none.
  Attempt(FreezeState& state, std::uint64_t epoch, const Listener* caller) noexcept
      : state_(state), epoch_(epoch), caller_(caller) {}
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  ~Attempt();

  /// Stops every live member if the state is still running at the epoch, all or none, and fails as
  /// `FreezeState::freezeAtEpoch` does. Works in steps until the deadline. The state stays running until the last step,
  /// and other calls in between act as if the freeze had not begun. Once it is done, `isFrozen` tells the result.
  /// `roster` is for a confirmation and is filled in at the end; with it the freeze, or `confirm` after it,
  /// also notes which processes were stopped before.
  Step freeze(Deadline until, Roster* roster = nullptr);

  /// Whether the state was frozen at the epoch when `freeze` was done.
  bool isFrozen() const noexcept { return isFrozen_; }
  /// Whether it was this attempt that froze it.
  bool isOwn() const noexcept { return isOwn_; }

  /// Waits, in steps, until everything that the freeze covers was seen stopped. Call it once `isFrozen`. Cancelled
  /// where the state is not frozen at the epoch any more. Fails as `Freezer::confirm` does.
  Step confirm(Deadline until);

  /// Everything that the freeze covers; empty where the epoch has passed.
  std::optional<std::vector<Covered>> covered();

  enum class Extent : std::uint8_t { InProgress, AlsoInForce };
  /// Thaws what is in progress at the epoch, or also what is in force, as `FreezeState::unfreeze` does. Empty where
  /// there was nothing to thaw.
  std::optional<Failures> rollBack(Extent extent);

  /// Tells that the members have changed: the next `freeze` begins its stop anew. The caller holds the state's lock.
  void restart() noexcept { isRestartDue_ = true; }
  std::uint64_t epoch() const noexcept { return epoch_; }

 private:
  Step endBy(std::uint64_t seen);
  Step stopMembers(Deadline until, Roster* roster);
  void takeOver() noexcept;

  FreezeState& state_;
  const std::uint64_t epoch_;
  const Listener* const caller_;
  bool isBegun_ = false;      ///< it may be the one in progress
  bool isRestartDue_ = true;  ///< guarded by the state's lock while in progress
  bool isFrozen_ = false;
  bool isOwn_ = false;
  Backoff backoff_;
};

}  // namespace freeze_state

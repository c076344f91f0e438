#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "../modes/freezer.h"
#include "../slice.h"
#include "../step.h"
#include "listener.h"

namespace freeze_state {

class FreezeState;

/// The members when a freeze was done, by their pids in the order of their registration.
struct Roster {
  std::vector<Pid> registered;
  std::vector<Pid> left;  ///< those of them that had not exited
};

/// One freeze of a state at an epoch, until the state moves on: first in progress, then in force. `freezeAtEpoch` makes
/// one that is done in one call; a confirmation has one that is done in steps. Destroying it while it is in progress
/// rolls it back.
///
/// Used by one thread. But the state knows which of its attempts is in progress: a thaw rolls it back, and another
/// attempt at the same epoch takes over what it has done, so that the two are one freeze. Each function takes the
/// state's lock. Nothing allocates that is not about a confirmation.
class Attempt {
 public:
  /// Nothing is done before the first call of `freeze`. `caller`: the listener of the caller, which is not told of what
  /// this does.
  Attempt(FreezeState& state, std::uint64_t epoch, const Listener* caller) noexcept
      : state_(state), epoch_(epoch), caller_(caller) {}
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  ~Attempt();

  /// Stops every live member if the state still is running at the epoch, all together or not at all, as
  /// `FreezeState::freezeAtEpoch` has it. In steps, as far as it comes until the deadline: the state stays running
  /// until the last one, and a call in between acts as if the freeze had not begun. Once done, `isFrozen` says what
  /// became of it. `roster`: for a confirmation, which also notes the processes that were stopped before.
  Step freeze(Deadline until, Roster* roster = nullptr);

  /// The state was frozen at the epoch when `freeze` was done.
  bool isFrozen() const noexcept { return isFrozen_; }
  /// And it was this attempt that froze it.
  bool isOwn() const noexcept { return isOwn_; }

  /// Once frozen, in steps: done when all was seen stopped; cancelled where the state is not frozen at the epoch any
  /// more. Fails as `Freezer::confirm` does.
  Step confirm(Deadline until);

  /// All that the freeze covers; nothing where the epoch has passed.
  std::optional<std::vector<Covered>> covered();

  /// Thaws what is in progress or in force at the epoch, as `FreezeState::unfreeze` does. `isInProgressOnly`: only in
  /// the first case. Nothing where there was nothing to thaw.
  std::optional<Failures> rollBack(bool isInProgressOnly);

  /// The members have changed: their state is probed again. Under the state's lock.
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
};

}  // namespace freeze_state

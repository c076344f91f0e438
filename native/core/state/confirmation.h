#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "attempt.h"
#include "backoff.h"
#include "freeze_state.h"

namespace freeze_state {

/// A freeze, and the wait until everything that it covers has stopped: kill(2) returns before its target has stopped.
/// It is done in steps, so that its thread can do other work in between. Destroying it before its freeze is done rolls
/// the freeze back. Used by one thread.
class Confirmation {
 public:
  /// Does nothing before the first step. `caller` as for `Attempt`.
  Confirmation(std::shared_ptr<FreezeState> state, std::uint64_t epoch, const Listener* caller)
      : state_(std::move(state)), attempt_(*state_, epoch, caller) {}

  enum class Stage : std::uint8_t {
    Freezing,  ///< not all have been signalled; the state is running
    Stopping,  ///< frozen, and not all were seen stopped
    Stopped,   ///< frozen, and all were seen stopped
    Passed,    ///< the state is not frozen at this epoch, or not any more
  };
  struct Progress {
    Stage stage = Stage::Freezing;
    /// Unfinished in stages `Freezing` and `Stopping`. Fails as `FreezeState::freezeAtEpoch` does. Also fails where it
    /// cannot be known whether all have stopped; the freeze was then rolled back.
    Step step;
  };
  /// Continues the freeze, and then the wait, until the deadline. The first call begins it.
  Progress step(Deadline until);

  /// The processes that were signalled and not seen stopped yet; empty where the epoch has passed.
  std::optional<std::vector<Pid>> pending();

  enum class Whose : std::uint8_t { Own, Any };
  /// Thaws a freeze at this epoch, whether it is in progress or in force. With `Own`, one in force only if this
  /// confirmation made it. Empty where another call thawed first, or there is nothing to thaw.
  std::optional<Failures> rollBack(Whose whose) {
    const bool isTheirs = whose == Whose::Own && !attempt_.isOwn();
    return attempt_.rollBack(isTheirs ? Attempt::Extent::InProgress : Attempt::Extent::AlsoInForce);
  }

  /// What became of each covered process, once all have stopped. The registered ones come first, in registration order.
  /// Those that were unregistered since are left out. Empty where the epoch has passed.
  std::optional<std::vector<Covered>> report();

  /// The time from the first step until all were signalled, known from stage `Stopping` on, and until all were seen
  /// stopped, known in stage `Stopped`.
  std::chrono::nanoseconds toSignalled() const noexcept { return signalled_ - begin_; }
  std::chrono::nanoseconds toStopped() const noexcept { return stopped_ - begin_; }

 private:
  Step freeze(Deadline until);
  Step rolledBack(Step step);

  // Destroyed last: the attempt uses it.
  const std::shared_ptr<FreezeState> state_;
  Attempt attempt_;
  Roster roster_;
  Backoff backoff_;
  Deadline begin_;
  Deadline signalled_;
  Deadline stopped_;
};

}  // namespace freeze_state

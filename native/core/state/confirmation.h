#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "attempt.h"
#include "freeze_state.h"

namespace freeze_state {

/// A freeze, and the wait until all that it stops has stopped: SIGSTOP that was sent is not yet a process that is
/// stopped. Done in steps, so that the thread that takes them has others to run in between. Where it ends before its
/// freeze is done, that is rolled back. Used by one thread.
class Confirmation {
 public:
  /// Nothing is done before the first step. `caller` as for `FreezeState::freezeAtEpoch`.
  Confirmation(std::shared_ptr<FreezeState> state, std::uint64_t epoch, const Listener* caller)
      : state_(std::move(state)), attempt_(*state_, epoch, caller) {}

  enum class Stage : std::uint8_t {
    Freezing,  ///< not all have been signalled; the state is running
    Stopping,  ///< frozen, and not all were seen stopped
    Stopped,   ///< frozen, and all were
    Passed,    ///< the state is not frozen at this epoch, or not any more
  };
  struct Progress {
    Stage stage = Stage::Freezing;
    Step step;  ///< in stages `Freezing` and `Stopping` unfinished; failed as `FreezeState::freezeAtEpoch` is, or where
                ///< it cannot be known whether all has stopped: then it was rolled back
  };
  /// Continues until the deadline.
  Progress step(Deadline until);

  /// Those that were signalled and not seen stopped; nothing where the epoch has passed.
  std::optional<std::vector<Pid>> pending();

  /// Thaws what is, or in steps is about to be, frozen at this epoch. `onlyOwn`: what is frozen only if it was this
  /// confirmation that froze it. Nothing where another call thawed first, or there is nothing to thaw.
  std::optional<Failures> rollBack(bool onlyOwn) { return attempt_.rollBack(onlyOwn && !attempt_.isOwn()); }

  /// What became of each process that is covered, once all have stopped: the registered ones first, in the order of
  /// their registration. Those that were unregistered since are left out. Nothing where the epoch has passed.
  std::optional<std::vector<Covered>> report();

  /// From the first step until all were signalled, and until all were seen stopped.
  std::chrono::nanoseconds toSignalled() const noexcept { return signalled_ - begin_; }
  std::chrono::nanoseconds toStopped() const noexcept { return stopped_ - begin_; }

 private:
  Step rolledBack(Step step);

  // Destroyed last: the attempt uses it.
  const std::shared_ptr<FreezeState> state_;
  Attempt attempt_;
  Roster roster_;
  Deadline begin_;
  Deadline signalled_;
  Deadline stopped_;
};

}  // namespace freeze_state

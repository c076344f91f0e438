#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "freeze_state.h"

namespace freeze_state {

/// A freeze, and the wait until all that it stops has stopped: SIGSTOP that was sent is not yet a process that is
/// stopped. Done in steps, so that the thread that takes them has others to run in between. Where it ends before its
/// freeze does, that is rolled back. Used by one thread.
class Confirmation {
 public:
  /// Nothing is done before the first step. `listener` as for `FreezeState::freezeAtEpoch`.
  Confirmation(std::shared_ptr<FreezeState> state, std::uint64_t epoch, const Listener* caller)
      : state_(std::move(state)), epoch_(epoch), caller_(caller) {}
  Confirmation(const Confirmation&) = delete;
  Confirmation& operator=(const Confirmation&) = delete;
  ~Confirmation() {
    if (isUnderWay_) state_->abandon(epoch_);
  }

  enum class Stage : std::uint8_t {
    Freezing,  ///< not all have been signalled; the state is running
    Stopping,  ///< frozen, and not all were seen stopped
    Stopped,   ///< frozen, and all were
    Passed,    ///< the state is not frozen at this epoch, or not any more
  };
  struct Progress {
    Stage stage = Stage::Freezing;
    Failures failures;  ///< as of `FreezeState::freezeAtEpoch`; then it is over
  };
  /// Gets on until the deadline.
  Progress step(Deadline until);

  /// Whether the last step has found nothing to do, before somebody that was signalled has stopped.
  bool isIdle() const noexcept { return isIdle_; }

  /// Those that have not stopped; nothing where the epoch has passed.
  std::optional<std::vector<Pid>> unstopped();

  /// Thaws what is, or bit by bit is about to be, frozen at this epoch; `onlyOwn`: what is frozen only if it was this
  /// confirmation that froze it. Nothing where somebody else thawed first, or it is not to.
  std::optional<Failures> rollBack(bool onlyOwn);

  /// Once all have stopped: what became of each, the registered ones first, in the order of their registration. Those
  /// that were unregistered since are left out. Nothing where the epoch has passed.
  std::optional<std::vector<MemberOutcome>> report();

  /// From the first step until all were signalled, and until all were seen stopped.
  std::chrono::nanoseconds toSignalled() const noexcept { return signalled_ - begin_; }
  std::chrono::nanoseconds toStopped() const noexcept { return stopped_ - begin_; }

 private:
  const std::shared_ptr<FreezeState> state_;
  const std::uint64_t epoch_;
  const Listener* const caller_;
  Roster roster_;
  bool isUnderWay_ = false;  ///< its last step has left a freeze to go on with
  bool hasFrozen_ = false;
  bool isIdle_ = false;
  std::size_t left_ = std::numeric_limits<std::size_t>::max();  ///< not seen stopped by the last step
  Deadline begin_;
  Deadline signalled_;
  Deadline stopped_;
};

}  // namespace freeze_state

#include "attempt.h"

#include <mutex>
#include <utility>

#include "freeze_state.h"

namespace freeze_state {

Attempt::~Attempt() {
  if (!isBegun_) return;
  const std::lock_guard lock(state_.mutex_);
  if (state_.inProgress_ == this) state_.resume(ResumeScope::Stopped);
}

/// Ends with the state's answer, where there is nothing to signal.
Step Attempt::endBy(std::uint64_t seen) {
  FreezeResult answer = state_.answerFor(seen, epoch_);
  isFrozen_ = answer.frozen;
  return Step::ended(std::move(answer.failures));
}

Step Attempt::freeze(Deadline until, Roster* roster) {
  if (state_.mode_ == Mode::None) return endBy(state_.word());
  std::unique_lock lock(state_.mutex_);
  const std::uint64_t seen = state_.word();
  const bool isRefused = seen != word::running(epoch_) || state_.holds_.load() != 0;
  // The thaw or the hold that makes us refuse waits for our lock, and would roll back the freeze in progress. We roll
  // it back here, since we must not answer false while that freeze holds a process stopped (G3).
  if (isRefused && state_.inProgress_ != nullptr && state_.inProgress_->epoch() == epoch_)
    state_.resume(ResumeScope::Stopped);
  if (seen != word::running(epoch_)) {
    if (roster != nullptr) {
      // An earlier call froze it. Since then members may have been killed, or continued by a foreign process.
      if (seen == word::frozen(epoch_)) state_.freezer_->begin(state_.members_);
      roster->registered = roster->left = state_.members_.pids();
    }
    return endBy(seen);
  }
  if (isRefused) return Step::done();
  if (!state_.freezer_->isSupported()) return Step::failed({{FailureCode::UnsupportedPlatform}});
  if (state_.members_.isEmpty()) return Step::failed({{FailureCode::NoPidConfigured}});
  Step step = stopMembers(until, roster);
  if (isOwn_) state_.announce(lock, caller_);
  return step;
}

/// Makes this the attempt in progress. The lock is held.
void Attempt::takeOver() noexcept {
  Attempt* const other = state_.inProgress_;
  // The thaw that has moved the word since waits for our lock. If we freeze first, it leaves all stops to us, so those
  // of the older freeze are undone here (G1).
  if (other != nullptr && other->epoch() != epoch_) state_.resume(ResumeScope::Stopped);
  if (state_.inProgress_ == nullptr) {
    isRestartDue_ = true;
  } else if (other != this) {
    isRestartDue_ = other->isRestartDue_;
  }
  state_.inProgress_ = this;
  isBegun_ = true;
  if (std::exchange(isRestartDue_, false)) state_.freezer_->begin(state_.members_);
}

/// There are members, and a moment ago the state was running at the epoch. The lock is held.
Step Attempt::stopMembers(Deadline until, Roster* roster) {
  const std::uint64_t running = word::running(epoch_);
  const Ticket ticket(state_.word_, running);
  Freezer& freezer = *state_.freezer_;
  MemberList& members = state_.members_;
  takeOver();
  const StoppedBefore before = roster == nullptr ? StoppedBefore::Ignored : StoppedBefore::Noted;
  Step step = freezer.stop(members, {&ticket, until}, before);
  if (step.isUnfinished() && ticket.isCurrent()) return step;
  state_.inProgress_ = nullptr;
  isBegun_ = false;
  Failures failures = std::move(step.failures);
  // The state reads frozen only once every live member was signalled (G5), and only if no thaw came in between. Such a
  // thaw waits for our lock, and must find nothing stopped (G1, G3, G4).
  std::uint64_t expected = running;
  isOwn_ = failures.empty() && freezer.isAnyAlive(members) &&
           state_.word_.compare_exchange_strong(expected, word::frozen(epoch_));
  isFrozen_ = isOwn_;
  if (!isOwn_) append(failures, state_.resume(ResumeScope::Stopped));
  if (failures.empty() && !freezer.isAnyAlive(members)) failures = members.deaths();
  if (roster != nullptr) roster->registered = members.pids();
  state_.dropExited();
  if (roster != nullptr) roster->left = members.pids();
  if (!failures.empty()) return Step::failed(std::move(failures));
  return isOwn_ ? Step::done() : endBy(state_.word());
}

Step Attempt::confirm(Deadline until) {
  const Ticket frozen(state_.word_, word::frozen(epoch_));
  const Slice slice{&frozen, until};
  bool hasProgressed = false;
  for (;;) {
    Step step;
    {
      // Taken anew for each round of probes, so that a thaw does not wait for a confirmation (G6).
      const std::lock_guard lock(state_.mutex_);
      if (slice.isCancelled()) return Step::cancelled();
      step = state_.freezer_->confirm(state_.members_, slice);
    }
    if (slice.isCancelled()) return Step::cancelled();
    if (!step.isUnfinished()) return step;
    hasProgressed = hasProgressed || step.kind == Step::Kind::More;
    backoff_.after(step, slice.isOver());
    if (slice.isOver()) return hasProgressed ? Step::more() : Step::blocked();
  }
}

std::optional<std::vector<Covered>> Attempt::covered() {
  const std::lock_guard lock(state_.mutex_);
  const bool isInProgress = state_.inProgress_ != nullptr && state_.inProgress_->epoch() == epoch_;
  const std::uint64_t expected = isInProgress ? word::running(epoch_) : word::frozen(epoch_);
  if (state_.word() != expected) return std::nullopt;
  return state_.freezer_->visit(state_.members_);
}

std::optional<Failures> Attempt::rollBack(Extent extent) {
  const bool isAlsoInForce = extent == Extent::AlsoInForce;
  const auto move = [this](std::uint64_t from) {
    return state_.word_.compare_exchange_strong(from, word::thawed(from));
  };
  bool hasMoved = isAlsoInForce && move(word::frozen(epoch_));
  std::unique_lock lock(state_.mutex_);
  const bool isInProgress = state_.inProgress_ != nullptr && state_.inProgress_->epoch() == epoch_;
  if (!hasMoved && isInProgress) hasMoved = move(word::running(epoch_));
  // Another call may have frozen it while we waited for the lock.
  if (!hasMoved && isAlsoInForce) hasMoved = move(word::frozen(epoch_));
  if (!hasMoved) return std::nullopt;
  return state_.continueMembers(lock, caller_);
}

}  // namespace freeze_state

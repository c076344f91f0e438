#include "confirmation.h"

namespace freeze_state {

Confirmation::Progress Confirmation::step(Deadline until) {
  using Clock = std::chrono::steady_clock;
  if (begin_ == Deadline()) begin_ = Clock::now();
  if (!hasFrozen_) {
    FreezeResult result = state_->freezeBitByBit(epoch_, until, roster_, caller_);
    isIdle_ = result.isIdle;
    isUnderWay_ = result.isUnderWay;
    if (!result.failures.empty()) return {Stage::Passed, std::move(result.failures)};
    if (result.isUnderWay) return {Stage::Freezing, {}};
    if (!result.frozen) return {Stage::Passed, {}};
    hasFrozen_ = true;
    signalled_ = Clock::now();
  }
  const auto left = state_->unstopped(epoch_, until);
  if (!left) return {Stage::Passed, {}};
  isIdle_ = left->size() >= std::exchange(left_, left->size());
  if (!left->empty()) return {Stage::Stopping, {}};
  stopped_ = Clock::now();
  return {Stage::Stopped, {}};
}

std::optional<std::vector<Pid>> Confirmation::unstopped() {
  return hasFrozen_ ? state_->unstopped(epoch_, Deadline::min()) : state_->unstoppedSoFar(epoch_);
}

std::optional<Failures> Confirmation::rollBack(bool onlyOwn) {
  isUnderWay_ = false;
  return state_->unfreezeFrom(epoch_, onlyOwn && !(hasFrozen_ && roster_.isByUs), caller_);
}

std::optional<std::vector<MemberOutcome>> Confirmation::report() {
  const auto outcomes = state_->outcomes(epoch_);
  if (!outcomes) return std::nullopt;
  std::vector<MemberOutcome> report;
  report.reserve(roster_.registered.size() + outcomes->size());
  // All three lists are in one order, and the first has all of the second.
  auto left = roster_.left.begin();
  auto next = outcomes->begin();
  for (const Pid pid : roster_.registered) {
    const bool wasLeft = left != roster_.left.end() && *left == pid;
    if (wasLeft) ++left;
    if (next != outcomes->end() && next->pid == pid) {
      report.push_back(*next++);
    } else if (!wasLeft) {
      report.push_back({pid, Outcome::Gone});
    }
  }
  // What came with them, and what has joined since.
  report.insert(report.end(), next, outcomes->end());
  return report;
}

}  // namespace freeze_state

#include "confirmation.h"

#include "../deadline.h"

namespace freeze_state {

Confirmation::Progress Confirmation::step(Deadline until) {
  if (begin_ == Deadline()) begin_ = Clock::now();
  if (!attempt_.isFrozen()) {
    Step step = freeze(until);
    if (step.isUnfinished()) return {Stage::Freezing, std::move(step)};
    if (!attempt_.isFrozen()) return {Stage::Passed, std::move(step)};
    signalled_ = Clock::now();
  }
  Step step = attempt_.confirm(until);
  if (step.isUnfinished()) return {Stage::Stopping, std::move(step)};
  if (step.hasFailed()) return {Stage::Passed, rolledBack(std::move(step))};
  if (!step.isDone()) return {Stage::Passed, Step::done()};
  stopped_ = Clock::now();
  return {Stage::Stopped, std::move(step)};
}

/// Between two looks at what has not stopped yet it backs off, without the lock: a process may need this very processor
/// to stop, and a thaw the lock.
Step Confirmation::freeze(Deadline until) {
  bool hasProgressed = false;
  for (;;) {
    Step step = attempt_.freeze(until, &roster_);
    if (step.kind == Step::Kind::Indivisible) return step;
    if (!step.isUnfinished()) return step;
    hasProgressed = hasProgressed || step.kind == Step::Kind::More;
    backoff_.after(step, hasPassed(until));
    if (hasPassed(until)) return hasProgressed ? Step::more() : Step::blocked();
  }
}

/// It cannot be known whether all has stopped, so nothing stays stopped (G4). If another call thawed first, that thaw
/// has ended the confirmation.
Step Confirmation::rolledBack(Step step) {
  auto failures = rollBack(Whose::Any);
  if (!failures) return Step::done();
  append(step.failures, std::move(*failures));
  return step;
}

std::optional<std::vector<Pid>> Confirmation::pending() {
  const auto covered = attempt_.covered();
  if (!covered) return std::nullopt;
  std::vector<Pid> pids;
  for (const Covered& one : *covered) {
    if (one.isPending) pids.push_back(one.pid);
  }
  return pids;
}

std::optional<std::vector<Covered>> Confirmation::report() {
  const auto covered = attempt_.covered();
  if (!covered) return std::nullopt;
  std::vector<Covered> report;
  report.reserve(roster_.registered.size() + covered->size());
  // `registered`, `left` and `covered` are in the same order, and `registered` has all that `left` has.
  auto left = roster_.left.begin();
  auto next = covered->begin();
  for (const Pid pid : roster_.registered) {
    const bool wasLeft = left != roster_.left.end() && *left == pid;
    if (wasLeft) ++left;
    if (next != covered->end() && next->pid == pid) {
      report.push_back(*next++);
    } else if (!wasLeft) {
      report.push_back({.pid = pid, .outcome = Outcome::Gone});
    }
  }
  // What came with them, and what has joined since.
  report.insert(report.end(), next, covered->end());
  return report;
}

}  // namespace freeze_state

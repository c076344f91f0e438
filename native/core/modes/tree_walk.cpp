#include "tree_walk.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <thread>
#include <utility>

namespace freeze_state {

namespace {

using std::chrono::milliseconds;

/// Give up after this long on a process that sleeps in a system call that cannot be interrupted. Also give up after
/// this long without stopping anything new, since a pass that saw a process exit must be repeated.
constexpr milliseconds kNever(1000);

/// Give up after this long on a tree that grows faster than we stop it, or whose processes have had no processor to
/// take SIGSTOP on. On a busy machine a process was seen to wait a second for one.
constexpr milliseconds kLongest(5000);

/// A sleeper stops within microseconds. If the processes that the last freeze has found do nothing new for so long,
/// they are listed, since those that are awake may fork. Until then the walk also yields instead of sleeping.
constexpr std::chrono::microseconds kAtOnce(100);

}  // namespace

TreeWalk::TreeWalk(ProcessControl& control, ProcessTable& table, ChildReader& reader, MemberList& roots,
                   Descendants& descendants, const StopProtocol& protocol)
    : control_(control),
      reader_(reader),
      set_(control, table, roots, descendants, protocol),
      watch_(table, reader, set_, protocol),
      toReadopt_(descendants.takeResumed()) {
  if (toReadopt_)
    std::ranges::reverse(*toReadopt_);
  else
    beginPass(TreePass::Kind::Spreading, set_.living());
}

Step TreeWalk::run(const Slice& slice) {
  begin_ = lastProgress_ = lastPause_ = Clock::now();
  bool hasWorked = false;
  while (!isDone_) {
    if (slice.isCancelled()) return Step::cancelled();
    Step step = takeStep(slice);
    if (step.hasFailed()) return step;
    if (isDone_) break;
    const bool isBlocked = step.kind == Step::Kind::Blocked;
    hasWorked = hasWorked || !isBlocked;
    // All processes of the last round were probed, and none of the next.
    const bool isBetweenRounds = isBlocked && round_.probed == 0;
    // A caller that sets a deadline waits between the steps itself, and decides when it has been too long.
    if (slice.until != kNoDeadline) {
      if (isBetweenRounds || hasPassed(slice.until)) return hasWorked ? Step::more() : Step::blocked();
      continue;
    }
    const auto now = Clock::now();
    const auto idleSince = std::max(lastProgress_, watch_.lastRunning());
    if (now - idleSince > kNever || now - begin_ > kLongest) return Step::failed(neverStopped());
    if (isBetweenRounds) wait(now);
  }
  return Step::done();
}

/// Between two rounds. A sleep takes longer than most processes take to stop, so at first this only yields.
void TreeWalk::wait(Deadline now) noexcept {
  if (now - lastProgress_ < kAtOnce) {
    std::this_thread::yield();
    return;
  }
  control_.pause(now - lastPause_);
  lastPause_ = Clock::now();
}

/// Does what is due next. Blocked as long as a round has found none that has stopped.
Step TreeWalk::takeStep(const Slice& slice) {
  if (toReadopt_) return readoptNext(*toReadopt_, slice);
  if (pass_) {
    Step step = pass_->step(slice);
    if (step.isDone()) return endPass(*pass_);
    return step;
  }
  return round_.probed < round_.toProbe.size() ? probeNext(slice) : endRound();
}

/// `links`: what is left of `toReadopt_`.
Step TreeWalk::readoptNext(std::vector<Descendants::Link>& links, const Slice& slice) {
  lastProgress_ = Clock::now();
  if (links.empty()) {
    toReadopt_.reset();
    idleAsFound_ = kNoDeadline;
    beginRound();
    return Step::more();
  }
  const Descendants::Link link = links.back();
  links.pop_back();
  if (!set_.readopt(link, slice)) {
    // The trees are not as they were, so passes find the rest.
    toReadopt_.reset();
    beginPass(TreePass::Kind::Spreading, set_.living());
  }
  return Step::more();
}

void TreeWalk::beginPass(TreePass::Kind kind, const std::vector<Pid>& toAsk) {
  idleAsFound_.reset();
  pass_.emplace(set_, reader_, kind, toAsk);
}

Step TreeWalk::endPass(TreePass& pass) {
  if (!pass.found().empty()) lastProgress_ = Clock::now();
  isDone_ = pass.hasMetNoneNew() && !set_.findExited();
  if (isDone_) {
    pass_.reset();
    return Step::done();
  }
  if (const std::vector<Pid> next = pass.next(); !next.empty()) {
    beginPass(TreePass::Kind::Spreading, next);
    return Step::more();
  }
  pass_.reset();
  beginRound();
  return Step::more();
}

/// Of all that are not known to be over.
void TreeWalk::beginRound() {
  std::vector<Pid> toProbe;
  std::ranges::copy_if(set_.living(), std::back_inserter(toProbe), [this](Pid pid) { return !watch_.isOver(pid); });
  beginRound(std::move(toProbe));
}

void TreeWalk::beginRound(std::vector<Pid> toProbe) {
  round_ = {};
  round_.toProbe = std::move(toProbe);
}

Step TreeWalk::probeNext(const Slice& slice) {
  const Pid pid = round_.toProbe[round_.probed];
  Failures failures;
  const auto isReady = watch_.probe(pid, slice, failures);
  if (!isReady) return Step::more();
  ++round_.probed;
  (*isReady ? round_.ready : round_.waiting).push_back(pid);
  if (!failures.empty()) return Step::failed(std::move(failures));
  return round_.ready.empty() ? Step::blocked() : Step::more();
}

/// While some may still fork, those that have stopped are asked for their children: what they forked last still runs.
/// Where the trees seem to be as they were, they are not, as long as each round finds some that have stopped.
Step TreeWalk::endRound() {
  const auto now = Clock::now();
  const bool hasProgressed = !round_.ready.empty();
  if (hasProgressed) lastProgress_ = now;
  if (round_.waiting.empty()) {
    beginPass(TreePass::Kind::Closing, set_.living());
    return Step::more();
  }
  if (idleAsFound_) {
    if (hasProgressed || *idleAsFound_ == kNoDeadline) idleAsFound_ = now;
    if (now - *idleAsFound_ > kAtOnce) {
      beginPass(TreePass::Kind::Spreading, set_.living());
      return Step::more();
    }
  } else if (hasProgressed) {
    beginPass(TreePass::Kind::Spreading, round_.ready);
    return Step::more();
  }
  beginRound(std::move(round_.waiting));
  return hasProgressed ? Step::more() : Step::blocked();
}

/// Which process caused the failure: one that did not stop, or else one that always has another child.
Failures TreeWalk::neverStopped() const {
  std::vector<Pid> suspects = round_.waiting;
  suspects.insert(suspects.end(), round_.toProbe.begin(), round_.toProbe.end());
  const bool isWaiting = !pass_ && !suspects.empty();
  if (suspects.empty()) suspects = set_.living();
  return {{.code = FailureCode::NeverStopped,
           .pid = suspects.empty() ? 0 : suspects.front(),
           .error = ETIMEDOUT,
           .call = isWaiting ? control_.sendCall() : "fork"}};
}

}  // namespace freeze_state

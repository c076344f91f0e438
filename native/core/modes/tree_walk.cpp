#include "tree_walk.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

namespace freeze_state {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// A sleeping process takes SIGSTOP at once, unless its system call cannot be interrupted: then the time is unknown. In
/// vfork(2) it waits for its child. The child exists and is stopped itself, so there is nothing to wait for. In any
/// other such call, fork(2) among them, it may have another child yet.
constexpr milliseconds kAsleep(2);

/// A running process takes SIGSTOP when it gets a processor. Also: a pass that saw a process exit must be repeated;
/// give up after this long without stopping anything new.
constexpr milliseconds kNever(1000);

/// Give up on a tree that has grown ahead of us for this long.
constexpr milliseconds kLongest(5000);

}  // namespace

std::optional<int> TreeWalk::readRelation(ProcessTable& table, Pid pid, const Slice& slice, Relation& relation) {
  ProcessEntry entry;
  if (const int error = table.read(pid, entry); error != 0) return error;
  relation = {entry.parent, entry.state == 'T'};
  if (!entry.isLeaderless()) return 0;
  ThreadScan scan;
  const auto state = table.probe(pid, scan, {slice.ticket});
  if (!state) return std::nullopt;
  relation.isStopped = *state == ProcessState::Stopped;
  return 0;
}

TreeWalk::TreeWalk(ProcessControl& control, ProcessTable& table, ChildReader& reader, MemberList& roots,
                   Descendants& descendants, const StopProtocol& protocol)
    : control_(control), table_(table), reader_(reader), roots_(roots), descendants_(descendants), protocol_(protocol) {
  roots_.refresh();
  descendants_.list.refresh();
  reader_.reset();
  const std::vector<Pid> pids = living();
  known_.insert(pids.begin(), pids.end());
  beginRound(pids);
}

Step TreeWalk::run(const Slice& slice) {
  begin_ = lastProgress_ = Clock::now();
  bool hasWorked = false;
  while (!isDone()) {
    if (slice.isCancelled()) return Step::cancelled();
    Step step = takeStep(slice);
    if (step.hasFailed()) return step;
    if (isDone()) break;
    const bool isBlocked = step.kind == Step::Kind::Blocked;
    hasWorked = hasWorked || !isBlocked;
    // A caller that sets a deadline waits between the steps itself, and decides when it has been too long.
    if (slice.until != kNoDeadline) {
      if (hasPassed(slice.until)) return hasWorked ? Step::more() : Step::blocked();
      continue;
    }
    const auto now = Clock::now();
    if (now - lastProgress_ > kNever || now - begin_ > kLongest) return Step::failed(neverStopped(isBlocked));
    // Once all of a round were probed, and the next one has begun.
    if (isBlocked && round_.probed == 0) control_.pause();
  }
  return Step::done();
}

void TreeWalk::beginRound(std::vector<Pid> toAsk) {
  round_ = {};
  round_.toAsk = std::move(toAsk);
}

/// The next thing to do, of all that a round is. Blocked as long as the round has found no process to ask.
Step TreeWalk::takeStep(const Slice& slice) {
  if (round_.probed < round_.toAsk.size()) return probeNext(slice);
  if (round_.ready.empty()) {
    beginRound(std::move(round_.waiting));
    return Step::blocked();
  }
  if (!round_.hasBegunPass) return beginPass(slice);
  if (round_.parent) {
    Parent& parent = *round_.parent;
    return Step::continued(parent.isListed ? takeNextChild(parent, slice) : listChildren(parent, slice));
  }
  if (round_.asked < round_.ready.size())
    round_.parent = Parent{round_.ready[round_.asked++], {}, false, false};
  else
    endRound();
  return Step::more();
}

/// Probes one, and sorts it by whether it can be asked for its children.
Step TreeWalk::probeNext(const Slice& slice) {
  const Pid pid = round_.toAsk[round_.probed];
  Failures failures;
  const auto isReady = canBeAsked(pid, slice, failures);
  if (!isReady) return Step::more();
  ++round_.probed;
  (*isReady ? round_.ready : round_.waiting).push_back(pid);
  if (!failures.empty()) return Step::failed(std::move(failures));
  return round_.ready.empty() ? Step::blocked() : Step::more();
}

Step TreeWalk::beginPass(const Slice& slice) {
  const auto error = reader_.beginPass(slice);
  if (!error) return Step::more();
  round_.hasBegunPass = true;
  isQuiet_ = isQuiet_ && round_.waiting.empty();
  return *error == 0 ? Step::more() : Step::failed({readFailure(0, *error)});
}

Failures TreeWalk::listChildren(Parent& parent, const Slice& slice) {
  Member* const member = find(parent.pid);
  parent.isListed = true;
  if (member == nullptr || member->hasExited()) return {};
  const auto error = reader_.read(parent.pid, parent.children, slice);
  parent.isListed = error.has_value();
  if (!error || *error == 0) return {};
  parent.children.clear();
  if (*error == ESRCH && hasExited(*member)) return {};
  return {readFailure(parent.pid, *error == ESRCH ? EACCES : *error)};
}

/// The youngest first: where children fork and exit, the only one that still lives is the last. The others are zombies,
/// which their parent, being stopped, does not reap.
Failures TreeWalk::takeNextChild(Parent& parent, const Slice& slice) {
  while (!parent.children.empty()) {
    const Pid child = parent.children.back();
    parent.children.pop_back();
    if (!known_.contains(child) && !dead_.contains(child)) return adopt(child, parent, slice);
    // The list has the newest last, so the rest of it was met before. Exceptions, such as a child that came to this
    // parent when another one exited, are found by the quiet round.
    if (!isQuiet_) parent.children.clear();
  }
  // A parent with a new child, or with one found to have exited, is asked again at once, before the rest of a large
  // tree: where children fork and exit, the one that still lives is hard to catch.
  if (parent.hasChanged) round_.again.push_back(parent.pid);
  round_.parent.reset();
  return {};
}

/// Those that were found are asked in the next round, once they have stopped. The last round asks every process, all of
/// them stopped by its beginning, and finds nothing new.
void TreeWalk::endRound() {
  std::vector<Pid> next = std::move(round_.waiting);
  const std::size_t before = round_.toAsk.size();
  next.insert(next.end(), round_.again.begin(), round_.again.end());
  next.insert(next.end(), round_.found.begin(), round_.found.end());
  if (!round_.found.empty() || next.size() < before) lastProgress_ = Clock::now();
  if (!next.empty()) {
    isQuiet_ = false;
  } else if (!std::exchange(isQuiet_, true)) {
    next = living();
  }
  beginRound(std::move(next));
}

/// Which process caused the failure: one that did not stop, or else one that always has another child.
Failures TreeWalk::neverStopped(bool isBlocked) const {
  const bool isWaiting = isBlocked || !round_.waiting.empty();
  const Pid pid = round_.waiting.empty() ? round_.toAsk.front() : round_.waiting.front();
  return {{.code = FailureCode::NeverStopped,
           .pid = pid,
           .error = ETIMEDOUT,
           .call = isWaiting ? control_.sendCall() : "fork"}};
}

/// All that live, in the order in which they were signalled.
std::vector<Pid> TreeWalk::living() const {
  std::vector<Pid> pids;
  for (const MemberList* list : {&roots_, &descendants_.list}) {
    for (const Member& member : list->all()) {
      if (!member.hasExited()) pids.push_back(member.pid());
    }
  }
  return pids;
}

/// Whether its list of children is final: it has stopped, or exited, or cannot run now. Nothing where the slice cut the
/// probe short.
std::optional<bool> TreeWalk::canBeAsked(Pid pid, const Slice& slice, Failures& failures) {
  Member& member = *find(pid);
  if (member.isQuiescent() || blocked_.contains(pid)) return true;
  const auto state = protocol_.probe(member, slice);
  if (!state) return std::nullopt;
  switch (*state) {
    case ProcessState::Stopped: return true;
    case ProcessState::Zombie:
    case ProcessState::Gone: forget(pid); return true;
    case ProcessState::Sleeping: {
      const auto now = Clock::now();
      const auto since = asleepSince_.try_emplace(pid, now).first->second;
      if (now - since < kAsleep) return false;
      const auto isVforking = isInVfork(pid, slice);
      if (isVforking.value_or(false)) blocked_.insert(pid);
      if (isVforking) asleepSince_[pid] = now;
      return isVforking;
    }
    case ProcessState::Traced: blocked_.insert(pid); return true;
    case ProcessState::Running: asleepSince_.erase(pid); return false;
    case ProcessState::Unknown: break;
  }
  // It lives, so either /proc hides it, or it could not be read because descriptors ran out.
  ProcessEntry entry;
  if (const int error = table_.read(pid, entry); error != 0)
    failures.push_back(readFailure(pid, error == ESRCH ? EACCES : error));
  return false;
}

/// Whether it waits for a child that uses its memory. Nothing where the slice cut that short.
std::optional<bool> TreeWalk::isInVfork(Pid pid, const Slice& slice) {
  if (!sleeper_ || sleeper_->pid != pid) {
    reader_.reset();
    sleeper_ = Sleeper{pid, false, {}};
  }
  // No pass has begun where no process could be asked yet.
  if (!sleeper_->hasBegunPass) {
    const auto error = reader_.beginPass(slice);
    if (!error) return std::nullopt;
    if (*error != 0) {
      sleeper_.reset();
      return false;
    }
    sleeper_->hasBegunPass = true;
  }
  const auto error = reader_.read(pid, sleeper_->children, slice);
  if (!error) return std::nullopt;
  const std::vector<Pid> children = std::move(sleeper_->children);
  sleeper_.reset();
  return error == 0 && std::ranges::any_of(children, [&](Pid child) { return table_.sharesMemory(pid, child); });
}

/// Takes hold of the process, and signals it if it then still is the child of the parent that is being asked.
Failures TreeWalk::adopt(Pid pid, Parent& parent, const Slice& slice) {
  if (pid == control_.ownPid()) return {{.code = FailureCode::OwnAncestor, .pid = parent.pid}};
  parent.hasChanged = true;
  Member child;
  child.process.pid = pid;
  if (Failures failures = control_.open(pid, child.process); !failures.empty()) return failures;
  const bool isThere = !child.hasExited();
  Relation now;
  bool isCutShort = false;
  const int error = control_.hasExited(child.process) ? ESRCH : verified(control_, child.process, [&] {
    const auto answer = readRelation(table_, pid, slice, now);
    isCutShort = !answer;
    return answer.value_or(0);
  });
  std::optional<Failure> failure;
  if (!child.hasExited()) {
    if (isCutShort) {
      control_.release(child.process);
      return {};
    }
    if (error != 0) {
      failure = readFailure(pid, error == ESRCH ? EACCES : error);
    } else if (now.parent != parent.pid || hasExited(*find(parent.pid))) {
      // Given to another parent: if that is one of ours, the next pass finds it there.
      control_.release(child.process);
      return {};
    } else if (now.isStopped) {
      // Not signalled: if that stop is taken back before we see it, the process is ours.
      child.stop.wasStoppedBefore = true;
    } else {
      failure = protocol_.stop(child, false);
    }
  }
  if (failure || child.hasExited()) {
    control_.release(child.process);
    if (failure) return {*failure};
    // A zombie stays on the list of its parent, which is stopped. What was reaped is off it, and its number can come
    // back.
    if (isThere) dead_.insert(pid);
    return {};
  }
  descendants_.add(std::move(child), parent.pid);
  known_.insert(pid);
  round_.found.push_back(pid);
  return {};
}

Member* TreeWalk::find(Pid pid) noexcept {
  Member* const root = roots_.find(pid);
  if (root != nullptr && !root->hasExited()) return root;
  Member* const descendant = descendants_.list.find(pid);
  return descendant == nullptr || (descendant->hasExited() && root != nullptr) ? root : descendant;
}

bool TreeWalk::hasExited(Member& member) noexcept {
  if (!control_.hasExited(member.process)) return false;
  forget(member.pid());
  return true;
}

/// It has exited: what it leaves behind has another parent now.
void TreeWalk::forget(Pid pid) {
  known_.erase(pid);
  if (round_.parent) round_.parent->hasChanged = true;
}

}  // namespace freeze_state

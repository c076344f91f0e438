#include "tree_walk.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

namespace freeze_state {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// A sleeper takes SIGSTOP at once, unless its system call cannot be interrupted: then nobody knows when. In vfork(2)
/// it waits for its child, which has come to be and is to be stopped itself, so there is nothing to wait for. In any
/// other, fork(2) among them, it may have another child yet.
constexpr milliseconds kAsleep(2);

/// One that runs takes SIGSTOP when it gets a processor. And as long, too, is every pass to end at last in which
/// somebody was found to exit, and nobody that could be stopped.
constexpr milliseconds kNever(1000);

/// As long as a tree may go on growing ahead of us.
constexpr milliseconds kLongest(5000);

Failure tableFailure(Pid pid, int error) {
  const bool isWant = error == EMFILE || error == ENFILE || error == ENOMEM;
  return {isWant ? FailureCode::ResourceExhausted : FailureCode::Unreadable, pid, error, "open"};
}

}  // namespace

TreeWalk::TreeWalk(ProcessControl& control, ProcessTable& table, MemberList& roots, MemberList& descendants)
    : control_(control), table_(table), roots_(roots), descendants_(descendants) {
  roots_.findGone();
  descendants_.findGone();
  table_.startOver();
  const std::vector<Pid> pids = everyone();
  known_.insert(pids.begin(), pids.end());
  beginRound(pids);
}

StopResult TreeWalk::run(const Ticket& ticket, Deadline until) {
  begin_ = lastProgress_ = Clock::now();
  bool hasWorked = false;
  while (!isOver() && ticket.isCurrent()) {
    if (Failures failures = step(until); !failures.empty()) return {true, std::move(failures)};
    if (isOver()) break;
    const bool isIdle = std::exchange(isIdle_, false);
    hasWorked = hasWorked || !round_.ready.empty();
    // Whoever sets a deadline lets time pass himself, and knows when it has been too long.
    if (until != kWholly) {
      if (hasPassed(until)) return {false, {}, !hasWorked};
      continue;
    }
    const auto now = Clock::now();
    if (now - lastProgress_ > kNever || now - begin_ > kLongest) return {true, neverStopped(isIdle)};
    if (isIdle) table_.pause();
  }
  return {};
}

void TreeWalk::beginRound(std::vector<Pid> toAsk) {
  round_ = {};
  round_.toAsk = std::move(toAsk);
}

/// The next thing to do, of all that a round is.
Failures TreeWalk::step(Deadline until) {
  if (round_.sorted < round_.toAsk.size()) return sortNext(until);
  if (round_.ready.empty()) {
    isIdle_ = true;
    beginRound(std::move(round_.waiting));
    return {};
  }
  if (!round_.hasBegunPass) return beginPass(until);
  if (round_.parent) {
    Parent& parent = *round_.parent;
    return parent.isListed ? takeNextChild(parent) : listChildren(parent, until);
  }
  if (round_.asked < round_.ready.size()) {
    round_.parent = Parent{round_.ready[round_.asked++], {}, false, false};
    return {};
  }
  endRound();
  return {};
}

/// Sorts one by whether it has stopped and can be asked for its children.
Failures TreeWalk::sortNext(Deadline until) {
  const Pid pid = round_.toAsk[round_.sorted];
  Failures failures;
  const auto isReady = isSettled(pid, until, failures);
  if (!isReady) return {};
  ++round_.sorted;
  (*isReady ? round_.ready : round_.waiting).push_back(pid);
  return failures;
}

Failures TreeWalk::beginPass(Deadline until) {
  const int error = table_.beginPass(until);
  if (error == EAGAIN) return {};
  round_.hasBegunPass = true;
  isQuiet_ = isQuiet_ && round_.waiting.empty();
  return error == 0 ? Failures() : Failures{tableFailure(0, error)};
}

Failures TreeWalk::listChildren(Parent& parent, Deadline until) {
  Member* const member = find(parent.pid);
  parent.isListed = true;
  if (member == nullptr || member->gone) return {};
  const int error = table_.children(parent.pid, parent.children, until);
  if (error == EAGAIN) {
    parent.isListed = false;
    return {};
  }
  if (error == 0) return {};
  parent.children.clear();
  if (error == ESRCH && isGone(*member)) return {};
  return {tableFailure(parent.pid, error == ESRCH ? EACCES : error)};
}

/// The youngest first: where children fork and exit, the only one that still lives is the last. The others are zombies,
/// which their parent, being stopped, does not reap.
Failures TreeWalk::takeNextChild(Parent& parent) {
  while (!parent.children.empty()) {
    const Pid child = parent.children.back();
    parent.children.pop_back();
    if (!known_.contains(child) && !dead_.contains(child)) return adopt(child, parent);
    // New ones come last, so what is left was met before, too. What is not, such as one that an exit has given to this
    // parent, the quiet round finds.
    if (!isQuiet_) parent.children.clear();
  }
  // One of whom somebody was found, or found to have exited, is to be asked again at once, before the rest of a large
  // tree: where children fork and exit, the one that still lives is hard to catch.
  if (parent.hasChanged) round_.again.push_back(parent.pid);
  round_.parent.reset();
  return {};
}

/// Those that were found are asked in the next one, once they have stopped. The last round is one that asks everyone,
/// all of them stopped by its beginning, and finds nothing new.
void TreeWalk::endRound() {
  std::vector<Pid> next = std::move(round_.waiting);
  const std::size_t looked = round_.toAsk.size();
  next.insert(next.end(), round_.again.begin(), round_.again.end());
  next.insert(next.end(), round_.found.begin(), round_.found.end());
  if (!round_.found.empty() || next.size() < looked) lastProgress_ = Clock::now();
  if (!next.empty()) {
    isQuiet_ = false;
  } else if (!std::exchange(isQuiet_, true)) {
    next = everyone();
  }
  beginRound(std::move(next));
}

/// Who went on: one that did not stop, or else one of whom there is always another child.
Failures TreeWalk::neverStopped(bool isIdle) const {
  const bool isWaiting = isIdle || !round_.waiting.empty();
  const Pid pid = round_.waiting.empty() ? round_.toAsk.front() : round_.waiting.front();
  return {{FailureCode::NeverStopped, pid, ETIMEDOUT, isWaiting ? control_.sendCall() : "fork"}};
}

/// All that live, in the order in which they were signalled.
std::vector<Pid> TreeWalk::everyone() const {
  std::vector<Pid> pids;
  for (const MemberList* list : {&roots_, &descendants_}) {
    for (const Member& member : list->all()) {
      if (!member.gone) pids.push_back(member.process.pid);
    }
  }
  return pids;
}

/// Whether nothing more is to be expected of it: it has stopped, or exited, or cannot be made to stop now. Nothing
/// where the deadline cut the look short.
std::optional<bool> TreeWalk::isSettled(Pid pid, Deadline until, Failures& failures) {
  Member& member = *find(pid);
  if (member.gone || member.hasStopped || blocked_.contains(pid)) return true;
  const auto state = control_.lookUntil(member.process, until);
  if (!state) return std::nullopt;
  switch (*state) {
    case ProcessState::Stopped: return member.hasStopped = true;
    case ProcessState::Zombie:
    case ProcessState::Gone:
      member.gone = true;
      forget(pid);
      return true;
    case ProcessState::Sleeping: {
      descendants_.foundAwake(member);
      const auto now = Clock::now();
      const auto since = asleepSince_.try_emplace(pid, now).first->second;
      if (now - since < kAsleep) return false;
      const auto isVforking = isInVfork(pid, until);
      if (isVforking.value_or(false)) blocked_.insert(pid);
      if (isVforking) asleepSince_[pid] = now;
      return isVforking;
    }
    case ProcessState::Traced: blocked_.insert(pid); return true;
    case ProcessState::Running:
      descendants_.foundAwake(member);
      asleepSince_.erase(pid);
      return false;
    case ProcessState::Unknown: break;
  }
  // It lives, so /proc hides it, or could not be read for want of something.
  ProcessTable::Relation relation;
  if (const int error = table_.relation(pid, relation); error != 0)
    failures.push_back(tableFailure(pid, error == ESRCH ? EACCES : error));
  return false;
}

/// Whether it waits for a child that uses its memory. Nothing where the deadline cut that short.
std::optional<bool> TreeWalk::isInVfork(Pid pid, Deadline until) {
  if (!sleeper_ || sleeper_->pid != pid) {
    table_.startOver();
    sleeper_ = Sleeper{pid, false, {}};
  }
  // Nothing has begun a pass where nobody could be asked yet.
  if (!sleeper_->hasBegunPass) {
    const int error = table_.beginPass(until);
    if (error == EAGAIN) return std::nullopt;
    sleeper_->hasBegunPass = true;
  }
  const int error = table_.children(pid, sleeper_->children, until);
  if (error == EAGAIN) return std::nullopt;
  const std::vector<Pid> children = std::move(sleeper_->children);
  sleeper_.reset();
  return error == 0 && std::ranges::any_of(children, [&](Pid child) { return table_.sharesMemory(pid, child); });
}

/// Takes hold of the process, and signals it if it then still is the child of the parent that is being asked.
Failures TreeWalk::adopt(Pid pid, Parent& parent) {
  if (pid == control_.ownPid()) return {{FailureCode::OwnAncestor, parent.pid}};
  parent.hasChanged = true;
  Member child;
  child.process.pid = pid;
  if (Failures failures = control_.open(pid, child); !failures.empty()) return failures;
  const bool isThere = !child.gone;
  control_.findGone({&child, 1});
  ProcessTable::Relation now;
  const int error = child.gone ? ESRCH : table_.relation(pid, now);
  // Only now: if it lives, the number is its own, and was when its parent was asked for.
  control_.findGone({&child, 1});
  std::optional<Failure> failure;
  if (!child.gone && error != 0) {
    failure = tableFailure(pid, error == ESRCH ? EACCES : error);
  } else if (!child.gone && (now.parent != parent.pid || isGone(*find(parent.pid)))) {
    // Given to another parent: if that is one of ours, the next pass finds it there.
    control_.release(child.process);
    return {};
  } else if (!child.gone) {
    child.parent = parent.pid;
    // Not signalled where somebody else has stopped it: if that is taken back before we see it stopped, it is ours.
    child.stopped = child.wasStopped = now.isStopped;
    if (!now.isStopped) failure = descendants_.stop(child, false);
  }
  if (failure || child.gone) {
    control_.release(child.process);
    if (failure) return {*failure};
    // A zombie stays on the list of its parent, which is stopped. What was reaped is off it, and its number can come
    // back.
    if (isThere) dead_.insert(pid);
    return {};
  }
  descendants_.add(child);
  known_.insert(pid);
  round_.found.push_back(pid);
  return {};
}

Member* TreeWalk::find(Pid pid) noexcept {
  Member* const root = roots_.find(pid);
  if (root != nullptr && !root->gone) return root;
  Member* const descendant = descendants_.find(pid);
  return descendant == nullptr || (descendant->gone && root != nullptr) ? root : descendant;
}

bool TreeWalk::isGone(Member& member) noexcept {
  control_.findGone({&member, 1});
  if (member.gone) forget(member.process.pid);
  return member.gone;
}

/// It has exited: what it leaves behind has another parent now.
void TreeWalk::forget(Pid pid) {
  known_.erase(pid);
  if (round_.parent) round_.parent->hasChanged = true;
}

}  // namespace freeze_state

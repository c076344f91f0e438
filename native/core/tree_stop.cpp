#include "tree_stop.h"

#include <algorithm>
#include <cerrno>
#include <ranges>
#include <utility>

namespace freeze_state {

namespace {

using std::chrono::milliseconds;

/// A sleeper takes SIGSTOP at once, unless its system call cannot be interrupted: then nobody knows when. In vfork(2)
/// it waits for its child, which has come to be and is to be stopped itself, so there is nothing to wait for. In any
/// other, fork(2) among them, it may have another child yet.
constexpr milliseconds kAsleep(2);

/// One that runs takes SIGSTOP when it gets a processor. And as long, too, is every pass to end at last in which
/// somebody was found to exit, and nobody that could be stopped.
constexpr milliseconds kNever(1000);

/// As long as a tree may go on growing ahead of us.
constexpr milliseconds kLongest(5000);

Failure familyFailure(Pid pid, int error) {
  const bool isWant = error == EMFILE || error == ENFILE || error == ENOMEM;
  return {isWant ? FailureCode::ResourceExhausted : FailureCode::Unreadable, pid, error, "open"};
}

bool isTooLong(std::chrono::steady_clock::time_point lastProgress, std::chrono::steady_clock::time_point begin) {
  const auto now = std::chrono::steady_clock::now();
  return now - lastProgress > kNever || now - begin > kLongest;
}

}  // namespace

TreeStop::TreeStop(Signaller& signaller, Family& family, MemberList& roots, MemberList& descendants,
                   const Ticket& ticket)
    : signaller_(signaller), family_(family), roots_(roots), descendants_(descendants), ticket_(ticket) {
  roots_.findGone();
  descendants_.findGone();
  const std::vector<Pid> pids = everyone();
  known_.insert(pids.begin(), pids.end());
}

Failures TreeStop::run() {
  std::vector<Pid> toAsk = everyone();
  // The last round is one that asks everyone, all of them stopped by its beginning, and finds nothing new.
  bool isQuiet = true;
  const Clock::time_point begin = Clock::now();
  Clock::time_point lastProgress = begin;
  // Empty once all have exited.
  while (!toAsk.empty() && ticket_.isCurrent()) {
    std::vector<Pid> ready;
    std::vector<Pid> waiting;
    if (Failures failures = findReady(toAsk, ready, waiting); !failures.empty()) return failures;
    if (ready.empty()) {
      family_.pause();
    } else {
      toAsk = waiting;
      if (Failures failures = ask(ready, isQuiet && waiting.empty(), toAsk); !failures.empty()) return failures;
      isQuiet = isQuiet && toAsk.empty();
      if (isQuiet) return {};
      if (!found_.empty() || toAsk.size() < waiting.size() + ready.size()) lastProgress = Clock::now();
      if (toAsk.empty()) {
        toAsk = everyone();
        isQuiet = true;
      }
    }
    if (isTooLong(lastProgress, begin)) return neverStopped(ready, waiting);
  }
  return {};
}

/// Who went on: one that did not stop, or else one of whom there is always another child.
Failures TreeStop::neverStopped(const std::vector<Pid>& ready, const std::vector<Pid>& waiting) const {
  if (!waiting.empty()) return {{FailureCode::NeverStopped, waiting.front(), ETIMEDOUT, signaller_.sendCall()}};
  return {{FailureCode::NeverStopped, ready.front(), ETIMEDOUT, "fork"}};
}

/// Sorts them by whether they have stopped and can be asked for their children.
Failures TreeStop::findReady(const std::vector<Pid>& pids, std::vector<Pid>& ready, std::vector<Pid>& waiting) {
  for (const Pid pid : pids) {
    if (!ticket_.isCurrent()) return {};
    Failures failures;
    (isSettled(pid, failures) ? ready : waiting).push_back(pid);
    if (!failures.empty()) return failures;
  }
  return {};
}

/// Asks each for its children. Those of whom somebody was found, or found to have exited, are to be asked again at
/// once, before the rest of a large tree: where children fork and exit, the one that still lives is hard to catch. So
/// are those that were found, once they have stopped.
Failures TreeStop::ask(const std::vector<Pid>& pids, bool isWhole, std::vector<Pid>& again) {
  found_.clear();
  if (const int error = family_.beginPass(); error != 0) return {familyFailure(0, error)};
  for (const Pid pid : pids) {
    if (!ticket_.isCurrent()) return {};
    hasChanged_ = false;
    if (Failures failures = findChildren(pid, isWhole); !failures.empty()) return failures;
    if (hasChanged_) again.push_back(pid);
  }
  again.insert(again.end(), found_.begin(), found_.end());
  return {};
}

/// All that live, in the order in which they were signalled.
std::vector<Pid> TreeStop::everyone() const {
  std::vector<Pid> pids;
  for (const MemberList* list : {&roots_, &descendants_}) {
    for (const Member& member : list->all()) {
      if (!member.gone) pids.push_back(member.process.pid);
    }
  }
  return pids;
}

/// Whether nothing more is to be expected of it: it has stopped, or exited, or cannot be made to stop now.
bool TreeStop::isSettled(Pid pid, Failures& failures) {
  Member& member = *find(pid);
  if (member.gone || member.hasStopped || blocked_.contains(pid)) return true;
  switch (signaller_.look(member.process)) {
    case ProcessState::Stopped: return member.hasStopped = true;
    case ProcessState::Zombie:
    case ProcessState::Gone:
      member.gone = true;
      forget(pid);
      return true;
    case ProcessState::Sleeping: {
      const Clock::time_point now = Clock::now();
      const Clock::time_point since = asleepSince_.try_emplace(pid, now).first->second;
      if (now - since < kAsleep || !isInVfork(pid)) return false;
      blocked_.insert(pid);
      return true;
    }
    case ProcessState::Traced: blocked_.insert(pid); return true;
    case ProcessState::Running: asleepSince_.erase(pid); return false;
    case ProcessState::Unknown: break;
  }
  // It lives, so /proc hides it, or could not be read for want of something.
  Family::Relation relation;
  if (const int error = family_.relation(pid, relation); error != 0)
    failures.push_back(familyFailure(pid, error == ESRCH ? EACCES : error));
  return false;
}

/// Whether it waits for a child that uses its memory.
bool TreeStop::isInVfork(Pid pid) {
  std::vector<Pid> children;
  return family_.children(pid, children) == 0 &&
         std::ranges::any_of(children, [&](Pid child) { return family_.sharesMemory(pid, child); });
}

/// Whole: every child; else the youngest, until one that was met before: new ones come last.
Failures TreeStop::findChildren(Pid parent, bool isWhole) {
  Member* const member = find(parent);
  if (member == nullptr || member->gone) return {};
  std::vector<Pid> children;
  const int error = family_.children(parent, children);
  if (error == ESRCH && isGone(*member)) return {};
  if (error != 0) return {familyFailure(parent, error == ESRCH ? EACCES : error)};
  // The youngest first: where children fork and exit, the only one that still lives is the last. The others are
  // zombies, which their parent, being stopped, does not reap.
  for (const Pid child : std::views::reverse(children)) {
    if (known_.contains(child) || dead_.contains(child)) {
      if (isWhole) continue;
      break;
    }
    if (!ticket_.isCurrent()) return {};
    if (Failures failures = adopt(child, parent); !failures.empty()) return failures;
  }
  return {};
}

/// Takes hold of the process, and signals it if it then still is that child.
Failures TreeStop::adopt(Pid pid, Pid parent) {
  if (pid == signaller_.ownPid()) return {{FailureCode::OwnAncestor, parent}};
  Member child;
  child.process.pid = pid;
  if (Failures failures = signaller_.open(pid, child); !failures.empty()) return failures;
  const bool isThere = !child.gone;
  signaller_.findGone({&child, 1});
  Family::Relation now;
  const int error = child.gone ? ESRCH : family_.relation(pid, now);
  // Only now: if it lives, the number is its own, and was when its parent was asked for.
  signaller_.findGone({&child, 1});
  std::optional<Failure> failure;
  if (!child.gone && error != 0) {
    failure = familyFailure(pid, error == ESRCH ? EACCES : error);
  } else if (!child.gone && (now.parent != parent || isGone(*find(parent)))) {
    // Given to another parent: if that is one of ours, the next pass finds it there.
    hasChanged_ = true;
    signaller_.release(child.process);
    return {};
  } else if (!child.gone) {
    child.parent = parent;
    failure = descendants_.stop(child, false);
    child.wasStopped = now.isStopped;
  }
  if (failure || child.gone) {
    signaller_.release(child.process);
    if (failure) return {*failure};
    // A zombie stays on the list of its parent, which is stopped. What was reaped is off it, and its number can come
    // back.
    if (isThere) dead_.insert(pid);
    hasChanged_ = true;
    return {};
  }
  descendants_.add(child);
  known_.insert(pid);
  found_.push_back(pid);
  hasChanged_ = true;
  return {};
}

Member* TreeStop::find(Pid pid) noexcept {
  Member* const root = roots_.find(pid);
  return root != nullptr ? root : descendants_.find(pid);
}

bool TreeStop::isGone(Member& member) noexcept {
  signaller_.findGone({&member, 1});
  if (member.gone) forget(member.process.pid);
  return member.gone;
}

/// It has exited: what it leaves behind has another parent now.
void TreeStop::forget(Pid pid) {
  known_.erase(pid);
  hasChanged_ = true;
}

}  // namespace freeze_state

#include "tree_stop.h"

#include <cerrno>
#include <utility>

namespace freeze_state {

namespace {

using std::chrono::milliseconds;

/// A sleeper takes SIGSTOP at once, unless its system call cannot be interrupted. One that is asleep for so long after
/// it was signalled most likely is in vfork(2), whose child has come to be and is known; it stops when that lets it.
constexpr milliseconds kBlocked(10);

/// One that runs takes SIGSTOP when it gets a processor.
constexpr milliseconds kNever(1000);

/// So many passes in a row in which nobody new was found and somebody moved.
constexpr int kRestless = 100;

Failure familyFailure(Pid pid, int error) {
  const bool isWant = error == EMFILE || error == ENFILE || error == ENOMEM;
  return {isWant ? FailureCode::ResourceExhausted : FailureCode::Unreadable, pid, error, "open"};
}

}  // namespace

TreeStop::TreeStop(Signaller& signaller, Family& family, MemberList& roots, MemberList& descendants,
                   const Ticket& ticket)
    : signaller_(signaller), family_(family), roots_(roots), descendants_(descendants), ticket_(ticket) {
  const std::vector<Pid> pids = everyone();
  known_.insert(pids.begin(), pids.end());
}

Failures TreeStop::run() {
  // First those that have not been asked yet, level by level; then all, until there is nothing new.
  std::vector<Pid> toAsk = everyone();
  bool isFull = true;
  for (int restless = 0; restless < kRestless;) {
    if (Failures failures = awaitStops(); !failures.empty()) return failures;
    if (!ticket_.isCurrent()) return {};
    found_.clear();
    hasChanged_ = false;
    if (const int error = family_.beginPass(); error != 0) return {familyFailure(0, error)};
    for (const Pid pid : toAsk) {
      if (!ticket_.isCurrent()) return {};
      if (Failures failures = findChildren(pid); !failures.empty()) return failures;
    }
    if (!found_.empty()) {
      toAsk = found_;
      isFull = false;
      restless = 0;
    } else if (isFull && !hasChanged_) {
      return {};
    } else {
      toAsk = everyone();
      restless += isFull ? 1 : 0;
      isFull = true;
    }
  }
  return {{FailureCode::NeverStopped, roots_.isEmpty() ? 0 : roots_.all().front().process.pid, ETIMEDOUT, "kill"}};
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

/// Waits until whoever was signalled has stopped.
Failures TreeStop::awaitStops() {
  const Clock::time_point begin = Clock::now();
  for (;;) {
    Pid waitingFor = 0;
    for (MemberList* list : {&roots_, &descendants_}) {
      for (Member& member : list->all()) {
        if (!ticket_.isCurrent()) return {};
        Failures failures;
        if (!isSettled(member, failures)) waitingFor = member.process.pid;
        if (!failures.empty()) return failures;
      }
    }
    if (waitingFor == 0) return {};
    if (Clock::now() - begin > kNever)
      return {{FailureCode::NeverStopped, waitingFor, ETIMEDOUT, signaller_.sendCall()}};
    family_.pause();
  }
}

/// Whether nothing more is to be expected of it: it has stopped, or exited, or cannot be made to stop now.
bool TreeStop::isSettled(Member& member, Failures& failures) {
  const Pid pid = member.process.pid;
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
      if (now - since < kBlocked) return false;
      blocked_.insert(pid);
      return true;
    }
    case ProcessState::Running: asleepSince_.erase(pid); return false;
    case ProcessState::Unknown: break;
  }
  failures.push_back(familyFailure(pid, EACCES));
  return false;
}

Failures TreeStop::findChildren(Pid parent) {
  Member* const member = find(parent);
  if (member == nullptr || member->gone) return {};
  std::vector<Pid> children;
  const int error = family_.children(parent, children);
  if (error == ESRCH && isGone(*member)) return {};
  if (error != 0) return {familyFailure(parent, error == ESRCH ? EACCES : error)};
  for (const Pid child : children) {
    if (known_.contains(child) || dead_.contains(child)) continue;
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
  Pid parentNow = 0;
  const int error = child.gone ? ESRCH : family_.parent(pid, parentNow);
  // Only now: if it lives, the number is its own, and was when its parent was asked for.
  signaller_.findGone({&child, 1});
  std::optional<Failure> failure;
  if (!child.gone && error != 0) {
    failure = familyFailure(pid, error == ESRCH ? EACCES : error);
  } else if (!child.gone && (parentNow != parent || isGone(*find(parent)))) {
    // Given to another parent: if that is one of ours, the next pass finds it there.
    hasChanged_ = true;
    signaller_.release(child.process);
    return {};
  } else if (!child.gone) {
    child.parent = parent;
    failure = descendants_.stop(child, true);
  }
  if (failure || child.gone) {
    signaller_.release(child.process);
    if (failure) return {*failure};
    dead_.insert(pid);
    hasChanged_ = true;
    return {};
  }
  descendants_.add(child);
  known_.insert(pid);
  found_.push_back(pid);
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

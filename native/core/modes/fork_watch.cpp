#include "fork_watch.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

namespace freeze_state {

namespace {

/// A process that has slept for this long is checked for vfork(2). A sleeping process takes SIGSTOP at once, unless its
/// system call cannot be interrupted: then the time is unknown. In vfork(2) it waits for its child. The child exists
/// and is stopped itself, so there is nothing to wait for. In any other such call, fork(2) among them, it may still get
/// another child.
constexpr std::chrono::milliseconds kAsleep(2);

}  // namespace

bool ForkWatch::isOver(Pid pid) const {
  const Member* const member = set_.find(pid);
  return member == nullptr || member->isQuiescent() || blocked_.contains(pid);
}

std::optional<bool> ForkWatch::probe(Pid pid, const Slice& slice, Failures& failures) {
  if (isOver(pid)) return true;
  const auto state = protocol_.probe(*set_.find(pid), slice);
  if (!state) return std::nullopt;
  switch (*state) {
    case ProcessState::Stopped: return true;
    case ProcessState::Zombie:
    case ProcessState::Gone: set_.forget(pid); return true;
    case ProcessState::Sleeping: return probeSleeper(pid, slice);
    case ProcessState::Traced: blocked_.insert(pid); return true;
    case ProcessState::Running:
      asleepSince_.erase(pid);
      lastRunning_ = Clock::now();
      return false;
    case ProcessState::Unknown: break;
  }
  // It lives, so either /proc hides it, or it could not be read because descriptors ran out.
  ProcessEntry entry;
  if (const int error = table_.read(pid, entry); error != 0)
    failures.push_back(readFailure(pid, error == ESRCH ? EACCES : error));
  return false;
}

std::optional<bool> ForkWatch::probeSleeper(Pid pid, const Slice& slice) {
  const auto now = Clock::now();
  const auto since = asleepSince_.try_emplace(pid, now).first->second;
  if (now - since < kAsleep) return false;
  const auto isVforking = isInVfork(pid, slice);
  if (isVforking.value_or(false)) blocked_.insert(pid);
  if (isVforking) asleepSince_[pid] = now;
  return isVforking;
}

/// Whether it waits for a child that uses its memory. Empty where the slice cut that short.
std::optional<bool> ForkWatch::isInVfork(Pid pid, const Slice& slice) {
  if (!sleeper_ || sleeper_->pid != pid) {
    reader_.reset();
    sleeper_ = Sleeper{.pid = pid, .hasBegunPass = false, .children = {}};
  }
  // No pass of the walk is in progress, so the reader is free for one of ours.
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

}  // namespace freeze_state

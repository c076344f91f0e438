#include "freeze_state.h"

#include <algorithm>
#include <cerrno>
#include <limits>

namespace freeze_state {

FreezeState::FreezeState(Mode mode, const LoopOptions& options, Signaller& signaller)
    : mode_(mode), options_(options), signaller_(signaller), members_(signaller) {
  if (!live_states::enter(*this)) word_.store(word::kClosed);
}

FreezeState::~FreezeState() {
  // In this order: a process that exits meanwhile waits for the thaw.
  close();
  live_states::leave(*this);
}

/// The answer where there is nothing to signal.
FreezeResult FreezeState::settled(std::uint64_t seen, std::uint64_t epoch) const {
  if (seen == word::kClosed) return {false, {{FailureCode::Closed}}};
  return {mode_ != Mode::None && seen == word::frozen(epoch), {}};
}

FreezeResult FreezeState::stopMembers(std::uint64_t epoch, const Listener* caller) {
  std::unique_lock lock(mutex_);
  const std::uint64_t running = word::running(epoch);
  if (const std::uint64_t seen = word_.load(); seen != running) return settled(seen, epoch);
  if (holds_.load() != 0) return {};
  if (!signaller_.isSupported()) return {false, {{FailureCode::UnsupportedPlatform}}};
  if (members_.empty()) return {false, {{FailureCode::NoPidConfigured}}};
  FreezeResult result = stopMembersLocked(epoch);
  if (result.frozen) announce(lock, caller);
  return result;
}

/// The loop itself: there are members, and a moment ago the state was running at `epoch`. The lock is held.
FreezeResult FreezeState::stopMembersLocked(std::uint64_t epoch) {
  const std::uint64_t running = word::running(epoch);
  members_.findGone();
  FreezeResult result;
  {
    const SignalLoop loop(options_, members_.size());
    for (Member& member : members_.all()) {
      // Between two signals, so that a thaw waits for one signal at most (G6).
      if (word_.load() != running) break;
      if (member.gone) continue;
      const int error = signaller_.send(member.process, Signal::Stop);
      if (error == 0) {
        member.stopped = true;
      } else if (error == ESRCH) {
        member.gone = true;
      } else {
        result.failures.push_back(sendFailure(member, error));
        break;
      }
    }
    // The state reads frozen only once every live member was signalled (G5), and only if no thaw came in between:
    // the thaw that moved the word waits for our lock and may find nothing stopped (G1, G3, G4).
    std::uint64_t expected = running;
    result.frozen =
        result.failures.empty() && members_.anyAlive() && word_.compare_exchange_strong(expected, word::frozen(epoch));
    if (!result.frozen) {
      for (const Failure& failure : continueMembers(true)) result.failures.push_back(failure);
    }
  }
  if (result.failures.empty() && !members_.anyAlive()) {
    for (const Member& member : members_.all()) {
      result.failures.push_back({FailureCode::ProcessNotFound, member.process.pid, ESRCH, signaller_.sendCall()});
    }
  }
  members_.dropGone();
  if (result.failures.empty() && !result.frozen) return settled(word_.load(), epoch);
  return result;
}

Failures FreezeState::unfreeze(const Listener* caller) {
  // Before the lock, so that it cancels a freeze that is in its loop now.
  if (!advance()) return {{FailureCode::Closed}};
  std::unique_lock lock(mutex_);
  Failures failures;
  // A freeze that began after our move and got the lock before us owns the stops: continuing them here would leave
  // the state frozen and its members running.
  if (!word::isFrozen(word_.load()) && members_.anyStopped()) {
    failures = continueMembers(true);
    // After the signals: by now the members run, and nobody waits for this.
    members_.findGone();
    members_.dropGone();
  }
  announce(lock, caller);
  return failures;
}

bool FreezeState::forceUnfreeze(const Listener* caller) {
  if (!advance()) return false;
  std::unique_lock lock(mutex_);
  // Unlike `unfreeze` this thaws a newer freeze as well; under the lock no other can follow.
  if (word::isFrozen(word_.load())) advance();
  if (mode_ != Mode::None) {
    members_.findGone();
    continueMembers(false);
    members_.dropGone();
  }
  announce(lock, caller);
  return true;
}

Failures FreezeState::hold(const Listener* caller) {
  holds_.fetch_add(1);
  Failures failures = unfreeze(caller);
  if (!failures.empty()) release();
  return failures;
}

Failures FreezeState::registerPid(std::int64_t pid) {
  if (word_.load() == word::kClosed) return {{FailureCode::Closed}};
  if (pid < 2 || pid > std::numeric_limits<Pid>::max() || pid == signaller_.ownPid())
    return {{FailureCode::InvalidPid}};
  const std::lock_guard lock(mutex_);
  if (word_.load() == word::kClosed) return {{FailureCode::Closed}};

  Member newcomer;
  newcomer.process.pid = static_cast<Pid>(pid);
  Member* known = members_.find(newcomer.process.pid);
  if (mode_ == Mode::None) {
    if (known == nullptr) members_.add(newcomer);
    return {};
  }
  if (known != nullptr) {
    signaller_.findGone({known, 1});
    if (!known->gone) return {};
    members_.remove(*known);
  }
  if (Failures failures = signaller_.open(newcomer.process.pid, newcomer); !failures.empty()) return failures;
  signaller_.findGone({&newcomer, 1});
  // The word becomes frozen only under our lock, so no freeze can slip in between this look and the entry (G5). A
  // thaw can; it then waits for our lock and finds the mark.
  if (word::isFrozen(word_.load()) && !newcomer.gone) {
    const SignalLoop loop(options_, 1);
    const int error = signaller_.send(newcomer.process, Signal::Stop);
    newcomer.stopped = error == 0;
    newcomer.gone = error == ESRCH;
    if (error != 0 && error != ESRCH) {
      signaller_.release(newcomer.process);
      return {sendFailure(newcomer, error)};
    }
  }
  members_.add(newcomer);
  return {};
}

UnregisterResult FreezeState::unregisterPid(std::int64_t pid) {
  const std::lock_guard lock(mutex_);
  if (word_.load() == word::kClosed) return {false, {{FailureCode::Closed}}};
  if (pid < 2 || pid > std::numeric_limits<Pid>::max()) return {false, {{FailureCode::InvalidPid}}};
  Member* member = members_.find(static_cast<Pid>(pid));
  if (member == nullptr) return {};
  if (member->stopped) {
    const SignalLoop loop(options_, 1);
    const int error = signaller_.send(member->process, Signal::Continue);
    if (error != 0 && error != ESRCH) return {true, {sendFailure(*member, error)}};
  }
  members_.remove(*member);
  return {true, {}};
}

std::optional<std::vector<Pid>> FreezeState::pids() const {
  const std::lock_guard lock(mutex_);
  if (word_.load() == word::kClosed) return std::nullopt;
  std::vector<Pid> pids;
  pids.reserve(members_.size());
  for (const Member& member : members_.all()) pids.push_back(member.process.pid);
  return pids;
}

Failures FreezeState::close(const Listener* caller) {
  const bool closedBefore = word_.exchange(word::kClosed) == word::kClosed;
  // Whoever closes second waits here for the first one's thaw.
  std::unique_lock lock(mutex_);
  if (closedBefore) return {};
  Failures failures = continueMembers(true);
  members_.clear();
  announce(lock, caller);
  return failures;
}

std::uint64_t FreezeState::waitForChange(std::uint64_t seen, const std::optional<Deadline>& deadline,
                                         Interruption& interruption) {
  std::unique_lock lock(mutex_);
  while (word_.load() == seen) {
    lock.unlock();
    const bool isInterrupted = interruption.isInterrupted();
    const Deadline now = std::chrono::steady_clock::now();
    lock.lock();
    if (isInterrupted || (deadline && now >= *deadline)) break;
    const Deadline look = now + interruption.interval();
    // Under the lock, which every change passes through between moving the word and waking us.
    changed_.wait_until(lock, deadline ? std::min(*deadline, look) : look, [&] { return word_.load() != seen; });
  }
  return word_.load();
}

void FreezeState::addListener(Listener& listener) {
  const std::lock_guard lock(mutex_);
  listeners_.push_back(&listener);
}

void FreezeState::removeListener(Listener& listener) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase(listeners_, &listener);
}

/// Tells everybody but the caller that the word has moved, and ends the caller's hold of the lock.
void FreezeState::announce(std::unique_lock<std::mutex>& lock, const Listener* caller) noexcept {
  for (Listener* listener : listeners_) {
    if (listener != caller) listener->stateChanged();
  }
  lock.unlock();
  changed_.notify_all();
}

/// Continues the members in registration order; the mark of one that refuses stays. The lock is held.
Failures FreezeState::continueMembers(bool onlyStopped) {
  Failures failures;
  if (onlyStopped && !members_.anyStopped()) return failures;
  const SignalLoop loop(options_, members_.size());
  for (Member& member : members_.all()) {
    if (member.gone || (onlyStopped && !member.stopped)) continue;
    const int error = signaller_.send(member.process, Signal::Continue);
    if (error == 0 || error == ESRCH) {
      member.stopped = false;
      member.gone = error == ESRCH;
    } else {
      failures.push_back(sendFailure(member, error));
    }
  }
  return failures;
}

Failure FreezeState::sendFailure(const Member& member, int error) const {
  const FailureCode code = error == EPERM ? FailureCode::PermissionDenied : FailureCode::SignalFailed;
  return {code, member.process.pid, error, signaller_.sendCall(), member.stopped};
}

/// Moves the word to the next epoch, running. False if the state is closed.
bool FreezeState::advance() noexcept {
  std::uint64_t seen = word_.load();
  do {
    if (seen == word::kClosed) return false;
  } while (!word_.compare_exchange_weak(seen, word::thawed(seen)));
  return true;
}

}  // namespace freeze_state

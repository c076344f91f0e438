#include "freeze_state.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <thread>
#include <unordered_set>
#include <utility>

#include "../modes/none.h"
#include "../modes/process.h"

namespace freeze_state {

namespace {

std::unique_ptr<Freezer> plainFreezer(Mode mode, const LoopOptions& options, ProcessControl& control) {
  if (mode == Mode::None) return std::make_unique<NoneFreezer>(control);
  return std::make_unique<ProcessFreezer>(options, control);
}

std::optional<FailureCode> whyInvalid(std::int64_t pid) noexcept {
  if (pid == kNotAPid) return FailureCode::NotAPid;
  if (pid < 2 || pid > std::numeric_limits<Pid>::max()) return FailureCode::PidOutOfRange;
  return std::nullopt;
}

}  // namespace

FreezeState::FreezeState(Mode mode, std::unique_ptr<Freezer> freezer) : mode_(mode), freezer_(std::move(freezer)) {
  if (!live_states::enter(*this)) word_.store(word::kClosed);
}

FreezeState::FreezeState(Mode mode, const LoopOptions& options, ProcessControl& control)
    : FreezeState(mode, plainFreezer(mode, options, control)) {}

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

FreezeResult FreezeState::stopMembers(std::uint64_t epoch, Deadline until, Roster* roster, const Listener* caller) {
  std::unique_lock lock(mutex_);
  const std::uint64_t running = word::running(epoch);
  const std::uint64_t seen = word_.load();
  const bool isOver = seen != running || holds_.load() != 0;
  // The thaw that made it so waits for our lock. A false answer is not to come before it (G3).
  if (isOver && stopUnderWay_ == epoch) resume(Whom::Stopped);
  if (seen != running) {
    if (roster != nullptr) roster->registered = roster->left = freezer_->pids();
    return settled(seen, epoch);
  }
  if (isOver) return {};
  if (!freezer_->isSupported()) return {false, {{FailureCode::UnsupportedPlatform}}};
  if (freezer_->isEmpty()) return {false, {{FailureCode::NoPidConfigured}}};
  FreezeResult result = stopMembersLocked(epoch, until, roster);
  if (result.frozen) announce(lock, caller);
  return result;
}

/// The loop itself: there are members, and a moment ago the state was running at `epoch`. The lock is held.
FreezeResult FreezeState::stopMembersLocked(std::uint64_t epoch, Deadline until, Roster* roster) {
  const std::uint64_t running = word::running(epoch);
  const Ticket ticket(word_, running);
  // The thaw that moved the word since waits for our lock: it may not find the stops of an older freeze (G1).
  if (stopUnderWay_ && stopUnderWay_ != epoch) resume(Whom::Stopped);
  if (!stopUnderWay_ || hasSetChanged_) freezer_->beginStop();
  stopUnderWay_.reset();
  hasSetChanged_ = false;
  StopResult stop = freezer_->stop(ticket, roster != nullptr, until);
  if (!stop.isDone && ticket.isCurrent()) {
    stopUnderWay_ = epoch;
    return {false, {}, true, stop.isIdle};
  }
  FreezeResult result{false, std::move(stop.failures)};
  // The state reads frozen only once every live member was signalled (G5), and only if no thaw came in between: the
  // thaw that moved the word waits for our lock and may find nothing stopped (G1, G3, G4).
  std::uint64_t expected = running;
  result.frozen =
      result.failures.empty() && freezer_->isAnyAlive() && word_.compare_exchange_strong(expected, word::frozen(epoch));
  if (!result.frozen) append(result.failures, resume(Whom::Stopped));
  if (result.failures.empty() && !freezer_->isAnyAlive()) result.failures = freezer_->deaths();
  if (roster != nullptr) *roster = {freezer_->pids(), {}, result.frozen};
  freezer_->dropGone();
  if (roster != nullptr) roster->left = freezer_->pids();
  if (result.failures.empty() && !result.frozen) return settled(word_.load(), epoch);
  return result;
}

/// The lock is held.
Failures FreezeState::resume(Whom whom) {
  stopUnderWay_.reset();
  return freezer_->resume(whom);
}

FreezeResult FreezeState::freezeBitByBit(std::uint64_t epoch, Deadline until, Roster& roster, const Listener* caller) {
  if (mode_ == Mode::None) return settled(word_.load(), epoch);
  return stopMembers(epoch, until, &roster, caller);
}

void FreezeState::abandon(std::uint64_t epoch) noexcept {
  const std::lock_guard lock(mutex_);
  if (stopUnderWay_ == epoch) resume(Whom::Stopped);
}

std::optional<std::vector<Pid>> FreezeState::unstoppedSoFar(std::uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  if (stopUnderWay_ != epoch || word_.load() != word::running(epoch)) return std::nullopt;
  return freezer_->awaited();
}

std::optional<std::vector<Pid>> FreezeState::unstopped(std::uint64_t epoch, Deadline until) {
  const Ticket frozen(word_, word::frozen(epoch));
  for (;;) {
    std::vector<Pid> pids;
    {
      // Anew for each round of looks: a thaw does not wait for a confirmation (G6).
      const std::lock_guard lock(mutex_);
      if (!frozen.isCurrent()) return std::nullopt;
      pids = freezer_->unstopped(frozen, until);
    }
    if (!frozen.isCurrent()) return std::nullopt;
    if (pids.empty() || std::chrono::steady_clock::now() >= until) return pids;
    std::this_thread::yield();
  }
}

std::optional<std::vector<MemberOutcome>> FreezeState::outcomes(std::uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  if (word_.load() != word::frozen(epoch)) return std::nullopt;
  return freezer_->outcomes();
}

std::optional<std::vector<MemberStatus>> FreezeState::inspect() {
  std::vector<MemberStatus> list;
  std::vector<Pid> queue;
  {
    const std::lock_guard lock(mutex_);
    queue = freezer_->everyone();
  }
  std::unordered_set<Pid> known(queue.begin(), queue.end());
  for (std::size_t next = 0; next < queue.size(); ++next) {
    std::vector<Pid> found;
    std::optional<MemberStatus> status;
    {
      const std::lock_guard lock(mutex_);
      if (word_.load() == word::kClosed) return std::nullopt;
      status = freezer_->inspect(queue[next], found);
    }
    if (status) list.push_back(*status);
    std::ranges::copy_if(found, std::back_inserter(queue), [&](Pid pid) { return known.insert(pid).second; });
  }
  if (word_.load() == word::kClosed) return std::nullopt;
  return list;
}

Failures FreezeState::unfreeze(const Listener* caller) {
  // Before the lock, so that it cancels a freeze that is in its loop now.
  if (!advance()) return {{FailureCode::Closed}};
  std::unique_lock lock(mutex_);
  return continueMembers(lock, caller);
}

std::optional<Failures> FreezeState::unfreezeFrom(std::uint64_t epoch, bool isUnderWayOnly, const Listener* caller) {
  const auto move = [this](std::uint64_t from) { return word_.compare_exchange_strong(from, word::thawed(from)); };
  bool hasMoved = !isUnderWayOnly && move(word::frozen(epoch));
  std::unique_lock lock(mutex_);
  if (!hasMoved && stopUnderWay_ == epoch) hasMoved = move(word::running(epoch));
  // Another call may have frozen it while we waited for the lock.
  if (!hasMoved && !isUnderWayOnly) hasMoved = move(word::frozen(epoch));
  if (!hasMoved) return std::nullopt;
  return continueMembers(lock, caller);
}

/// What a thaw does once it has moved the word. Ends the caller's hold of the lock.
Failures FreezeState::continueMembers(std::unique_lock<std::mutex>& lock, const Listener* caller) {
  Failures failures;
  // A freeze that began after our move and got the lock before us owns the stops: continuing them here would leave
  // the state frozen and its members running.
  if (!word::isFrozen(word_.load())) {
    stopUnderWay_.reset();
    if (freezer_->isAnyStopped()) {
      failures = resume(Whom::Stopped);
      // After the signals: by now the members run, and nobody waits for this.
      freezer_->findGone();
      freezer_->dropGone();
    }
  }
  announce(lock, caller);
  return failures;
}

bool FreezeState::forceUnfreeze(const Listener* caller) {
  if (!advance()) return false;
  std::unique_lock lock(mutex_);
  // Unlike `unfreeze` this thaws a newer freeze as well; under the lock no other can follow.
  if (word::isFrozen(word_.load())) advance();
  freezer_->findGone();
  resume(Whom::All);
  freezer_->dropGone();
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
  if (const auto code = whyInvalid(pid); code) return {{*code}};
  if (pid == freezer_->ownPid()) return {{FailureCode::OwnPid}};
  const std::lock_guard lock(mutex_);
  // The word becomes frozen only under our lock, so no freeze can slip in between this look and the entry (G5). A
  // thaw can; it then waits for our lock and finds the mark.
  const std::uint64_t seen = word_.load();
  if (seen == word::kClosed) return {{FailureCode::Closed}};
  const Ticket frozen(word_, seen);
  hasSetChanged_ = true;
  return freezer_->add(static_cast<Pid>(pid), word::isFrozen(seen) ? &frozen : nullptr);
}

UnregisterResult FreezeState::unregisterPid(std::int64_t pid) {
  const std::lock_guard lock(mutex_);
  if (word_.load() == word::kClosed) return {false, {{FailureCode::Closed}}};
  if (const auto code = whyInvalid(pid); code) return {false, {{*code}}};
  hasSetChanged_ = true;
  return freezer_->remove(static_cast<Pid>(pid));
}

std::optional<std::vector<Pid>> FreezeState::pids() const {
  const std::lock_guard lock(mutex_);
  if (word_.load() == word::kClosed) return std::nullopt;
  return freezer_->pids();
}

Failures FreezeState::close(const Listener* caller) {
  word_.store(word::kClosed);
  // Whoever comes here second waits for the first one's thaw.
  std::unique_lock lock(mutex_);
  if (std::exchange(isCleared_, true)) return {};
  Failures failures = resume(Whom::Stopped);
  append(failures, freezer_->clear());
  announce(lock, caller);
  return failures;
}

void FreezeState::thawForGood() noexcept {
  word_.store(word::kClosed);
  const std::lock_guard lock(mutex_);
  resume(Whom::Stopped);
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

/// Moves the word to the next epoch, running. False if the state is closed.
bool FreezeState::advance() noexcept {
  std::uint64_t seen = word_.load();
  do {
    if (seen == word::kClosed) return false;
  } while (!word_.compare_exchange_weak(seen, word::thawed(seen)));
  return true;
}

}  // namespace freeze_state

#include "freeze_state.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <unordered_set>
#include <utility>

#include "../os/guardian.h"
#include "../os/processor.h"
#include "registration.h"

namespace freeze_state {

namespace {

std::optional<FailureCode> whyInvalid(std::int64_t pid) noexcept {
  if (pid == kNotAPid) return FailureCode::NotAPid;
  if (pid < 2 || pid > std::numeric_limits<Pid>::max()) return FailureCode::PidOutOfRange;
  return std::nullopt;
}

}  // namespace

FreezeState::FreezeState(Mode mode, std::unique_ptr<Freezer> freezer, Ledger* ending, std::string_view tag)
    : mode_(mode),
      freezer_(std::move(freezer)),
      ending_(ending),
      endingTag_(ending == nullptr ? LedgerEntry() : ending->enterTag(tag)),
      members_(freezer_->control()) {
  if (!live_states::enter(*this)) word_.store(word::kClosed);
}

FreezeState::~FreezeState() {
  // Destroyed without a `close`: its thread has ended, for example, and nothing else may know of the members. They are
  // thawed now, and still end with this process.
  if (ending_ != nullptr && !isCleared_) {
    endingTag_.keep();
    for (Member& member : members_.all()) member.ending.keep();
  }
  // In this order, so that an exit(3) meanwhile waits for the thaw.
  close();
  live_states::leave(*this);
}

/// The answer where there is nothing to signal.
FreezeResult FreezeState::answerFor(std::uint64_t seen, std::uint64_t epoch) const {
  if (seen == word::kClosed) return {.frozen = false, .failures = {{FailureCode::Closed}}};
  return {.frozen = mode_ != Mode::None && seen == word::frozen(epoch), .failures = {}};
}

FreezeResult FreezeState::freezeNow(std::uint64_t epoch, const Listener* caller) {
  Attempt attempt(*this, epoch, caller);
  Step step = attempt.freeze(kNoDeadline);
  return {attempt.isFrozen(), std::move(step.failures)};
}

/// The lock is held.
Failures FreezeState::resume(ResumeScope scope) {
  inProgress_ = nullptr;
  return freezer_->resume(members_, scope);
}

/// Drops members that have exited, unless only descendants of members live: those are frozen in the name of the
/// members. The lock is held.
void FreezeState::dropExited() noexcept {
  if (members_.isAnyAlive() || !freezer_->isAnyAlive(members_)) members_.dropExited();
}

/// Whether the guardian should continue or end the process if we die, but will not find it.
bool FreezeState::isUnguarded(const MemberStatus& status) const noexcept {
  const bool hasExited = status.state == ProcessState::Zombie || status.state == ProcessState::Gone;
  const bool isToEnd = ending_ != nullptr && status.isRegistered && !hasExited;
  const bool isToBeThawed = freezer_->ledger() != nullptr && status.isStoppedByUs;
  return (isToEnd || isToBeThawed) && !status.isRecorded;
}

std::optional<std::vector<MemberStatus>> FreezeState::inspect() {
  std::vector<MemberStatus> list;
  std::vector<Pid> queue;
  {
    const std::lock_guard lock(mutex_);
    for (const Covered& one : freezer_->visit(members_)) queue.push_back(one.pid);
  }
  std::unordered_set<Pid> known(queue.begin(), queue.end());
  for (std::size_t next = 0; next < queue.size(); ++next) {
    std::vector<Pid> found;
    std::optional<MemberStatus> status;
    // A thaw cuts a probe of many threads short (G6). The probe is then repeated, and the last try is not cut short.
    constexpr int kPatience = 3;
    bool isAnswered = false;
    for (int tries = 1; !isAnswered; ++tries) {
      const std::lock_guard lock(mutex_);
      const std::uint64_t seen = word_.load();
      if (seen == word::kClosed) return std::nullopt;
      const Ticket ticket(word_, seen);
      status = freezer_->inspect(members_, queue[next], found, tries < kPatience ? Slice{&ticket} : Slice{});
      isAnswered = ticket.isCurrent() || tries == kPatience;
    }
    if (status) {
      status->isUnguarded = isUnguarded(*status);
      list.push_back(*status);
    }
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

/// What a thaw does once it has moved the word. Releases the caller's lock.
Failures FreezeState::continueMembers(std::unique_lock<std::mutex>& lock, const Listener* caller) {
  Failures failures;
  // A freeze that began after our move and got the lock before us owns the stops: continuing them here would leave
  // the state frozen and its members running.
  if (!word::isFrozen(word_.load())) {
    inProgress_ = nullptr;
    if (freezer_->isAnyStopped(members_)) {
      failures = resume(ResumeScope::Stopped);
      // After the signals: by now the members run, so this delays none of them.
      freezer_->refresh(members_);
      dropExited();
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
  freezer_->refresh(members_);
  resume(ResumeScope::All);
  dropExited();
  announce(lock, caller);
  return true;
}

Failures FreezeState::hold(const Listener* caller) {
  holds_.fetch_add(1);
  Failures failures = unfreeze(caller);
  if (!failures.empty()) release(caller);
  return failures;
}

void FreezeState::release(const Listener* caller) noexcept {
  if (holds_.fetch_sub(1) != 1 || !hasListeners_.load()) return;
  // Blocked waits are not woken: they wait for a change of the word, and this is none.
  const std::lock_guard lock(mutex_);
  tell(caller);
}

/// Why the value cannot be a member, as far as that is known without the lock.
std::optional<FailureCode> FreezeState::whyNoMember(std::int64_t pid) const noexcept {
  if (const auto code = whyInvalid(pid); code) return code;
  if (pid == freezer_->control().ownPid()) return FailureCode::OwnPid;
  if (pid == guardian::pid()) return FailureCode::OwnGuardian;
  if (mode_ != Mode::None && freezer_->control().isKernelThread(static_cast<Pid>(pid)))
    return FailureCode::KernelThread;
  return std::nullopt;
}

RegisterResult FreezeState::registerPids(std::span<const std::int64_t> pids, bool areJoining) {
  if (word_.load() == word::kClosed) return {{{FailureCode::Closed}}};
  for (std::size_t i = 0; i < pids.size(); ++i) {
    if (const auto code = whyNoMember(pids[i]); code) return {{{*code}}, i};
  }
  const std::lock_guard lock(mutex_);
  // The word becomes frozen only under our lock, so no freeze can slip in between this load and the entry (G5). A
  // thaw can; it then waits for our lock and finds the mark.
  const std::uint64_t seen = word_.load();
  if (seen == word::kClosed) return {{{FailureCode::Closed}}};
  if (inProgress_ != nullptr) inProgress_->restart();
  return Registration(*this, seen).add(pids, areJoining);
}

UnregisterResult FreezeState::unregisterPid(std::int64_t pid) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t seen = word_.load();
  if (seen == word::kClosed) return {.found = false, .failures = {{FailureCode::Closed}}};
  if (const auto code = whyInvalid(pid); code) return {.found = false, .failures = {{*code}}};
  if (inProgress_ != nullptr) inProgress_->restart();
  Member* const member = members_.find(static_cast<Pid>(pid));
  if (member == nullptr) return {};
  return {.found = true, .failures = Registration(*this, seen).remove(*member)};
}

std::optional<std::vector<Pid>> FreezeState::pids() const {
  const std::lock_guard lock(mutex_);
  if (word_.load() == word::kClosed) return std::nullopt;
  return members_.pids();
}

Failures FreezeState::close(const Listener* caller) {
  word_.store(word::kClosed);
  // A second caller waits for the thaw of the first one.
  std::unique_lock lock(mutex_);
  if (std::exchange(isCleared_, true)) return {};
  Failures failures = resume(ResumeScope::Stopped);
  append(failures, freezer_->close(members_));
  members_.clear();
  endingTag_ = {};
  announce(lock, caller);
  return failures;
}

void FreezeState::thawAtExit() noexcept {
  word_.store(word::kClosed);
  const std::lock_guard lock(mutex_);
  // Processes that the guardian will find are left stopped, since it kills them in a moment. If the guardian may lack a
  // right that it needs (`isWhole`), it could neither kill nor thaw some of them, so all are continued here.
  resume(isLeftToGuardian() && guardian::isWhole() ? ResumeScope::Unrecorded : ResumeScope::Stopped);
}

bool FreezeState::isLeftToGuardian() const noexcept { return ending_ != nullptr && guardian::pid() != 0; }

/// Polls the word. True once it has moved; false at the deadline or the interruption. Takes no lock: the thread that
/// moves the word may hold it for long afterwards.
bool FreezeState::spinForChange(std::uint64_t seen, Deadline until, Interruption& interruption) const noexcept {
  // To read the clock takes longer than to load the word, which has to be noticed at once.
  constexpr int kLoadsPerClock = 16;
  Deadline now = Clock::now();
  Deadline question = now + interruption.interval();
  while (now < until) {
    for (int i = 0; i < kLoadsPerClock; ++i) {
      // Acquire is enough: one word is compared, with a value, and what was written before it moved is visible then.
      if (word_.load(std::memory_order_acquire) != seen) return true;
      processor::pause();
    }
    now = Clock::now();
    if (now < question) continue;
    if (interruption.isInterrupted()) break;
    question = now + interruption.interval();
  }
  return false;
}

std::uint64_t FreezeState::waitForChange(std::uint64_t seen, const std::optional<Deadline>& deadline,
                                         Interruption& interruption, std::chrono::nanoseconds spin) {
  if (spin > std::chrono::nanoseconds(0) && processor::isAnotherAvailable()) {
    const Deadline until = Clock::now() + spin;
    if (spinForChange(seen, deadline ? std::min(*deadline, until) : until, interruption)) return word_.load();
  }
  std::unique_lock lock(mutex_);
  while (word_.load() == seen) {
    lock.unlock();
    const bool isInterrupted = interruption.isInterrupted();
    const Deadline now = Clock::now();
    lock.lock();
    if (isInterrupted || (deadline && now >= *deadline)) break;
    const Deadline question = now + interruption.interval();
    // The word is compared under the lock. Every change takes that lock between moving the word and waking us.
    changed_.waitUntil(lock, deadline ? std::min(*deadline, question) : question, [&] { return word_.load() != seen; });
  }
  return word_.load();
}

void FreezeState::addListener(Listener& listener) {
  const std::lock_guard lock(mutex_);
  listeners_.push_back(&listener);
  hasListeners_.store(true);
}

void FreezeState::removeListener(Listener& listener) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase(listeners_, &listener);
  hasListeners_.store(!listeners_.empty());
}

/// The lock is held.
void FreezeState::tell(const Listener* caller) noexcept {
  for (Listener* listener : listeners_) {
    if (listener != caller) listener->stateChanged();
  }
}

/// Tells each waiter but the caller that the word has moved. Releases the caller's lock.
void FreezeState::announce(std::unique_lock<std::mutex>& lock, const Listener* caller) noexcept {
  tell(caller);
  lock.unlock();
  changed_.notifyAll();
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

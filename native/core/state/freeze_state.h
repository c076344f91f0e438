#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../failure.h"
#include "../mode.h"
#include "../modes/freezer.h"
#include "../modes/member_list.h"
#include "../os/condition.h"
#include "../os/ledger.h"
#include "../os/process_control.h"
#include "../word.h"
#include "attempt.h"
#include "listener.h"
#include "live_states.h"

namespace freeze_state {

/// What became of a freeze. `frozen` false with no failure: the epoch had passed, a caller holds the state, or the mode
/// is `None`.
struct FreezeResult {
  bool frozen = false;
  Failures failures;
};

/// What became of a `registerPids`. Where it failed, `failed` is the index of the pid that it failed for.
struct RegisterResult {
  Failures failures;
  std::size_t failed = 0;
};

/// What became of an `unregisterPid`. `found` false with no failure: there was no such member.
struct UnregisterResult {
  bool found = false;
  Failures failures;
};

/// A set of processes that is frozen and thawed as one, after `lambda_simulator::freeze::FreezeState`.
///
/// Every method may be called from any thread. `word`, and a freeze whose epoch has passed, take no lock. Nothing here
/// throws. The promises G1 to G8 are in docs/semantics.md; the comments in the source say where each is kept.
///
/// In modes `None`, `Process` and `ProcessGroup` a freeze and a thaw that succeed allocate nothing, with two
/// exceptions. If the leader of a group has exited, the processes of the group are looked up. And in a thread that did
/// not make the state, the first loop over many processes reads the budget of real-time threads (os/linux/rt_budget.h).
/// In mode `ProcessTree` a freeze allocates lists of the descendants that it finds. In mode `Cgroup` freeze and thaw
/// allocate the paths and the contents of the group's files. In any mode a confirmation also allocates what it reports.
///
/// An operation that changes the state takes its caller's listener as `caller`. That one is not told of the change,
/// since its owner made it.
class FreezeState : public std::enable_shared_from_this<FreezeState> {
 public:
  /// `freezer` is that of the mode, as `makeFreezer` (platform/platform.h) makes it. `ending` is the ledger of what is
  /// to end with this process: the members and the `tag` are entered there. Null where the members are not to end with
  /// it. The entries stay if the state is destroyed without a `close`. A state that is made while the process exits is
  /// closed from the beginning.
  FreezeState(Mode mode, std::unique_ptr<Freezer> freezer, Ledger* ending = nullptr, std::string_view tag = {});
  FreezeState(const FreezeState&) = delete;
  FreezeState& operator=(const FreezeState&) = delete;
  /// Thaws and closes, as `close` does.
  ~FreezeState();

  Mode mode() const noexcept { return mode_; }
  /// The directory of the control group in mode `Cgroup`; empty in any other.
  const std::string& cgroup() const noexcept { return freezer_->cgroup(); }

  /// Names this state among all that this process ever made; see live_states.h.
  std::uint64_t id() const noexcept { return id_; }

  /// The state, by one load; see word.h.
  std::uint64_t word() const noexcept { return word_.load(); }

  /// Stops every live member if the state is still running at `epoch` (0 to `word::kMaxEpoch`), all or none.
  /// - True: every live member got SIGSTOP, and the state is frozen until a later thaw. A second call with the epoch
  ///   that is frozen is true as well.
  /// - False: the epoch had passed, or a caller holds the state, or the mode is `None`. This call left nothing stopped.
  /// - Fails with `NoPidConfigured`, `ProcessNotFound` (no member lives), `PermissionDenied`, `SignalFailed`,
  ///   `UnsupportedPlatform`, `Closed`, or a reason of the mode. Nothing is left stopped then either, except a process
  ///   whose failure says `isStopped`.
  FreezeResult freezeAtEpoch(std::uint64_t epoch, const Listener* caller = nullptr) {
    const std::uint64_t seen = word_.load();
    if (mode_ == Mode::None || seen != word::running(epoch)) return answerFor(seen, epoch);
    return freezeNow(epoch, caller);
  }

  /// The status of every process that a freeze covers or has stopped; empty after `close`. Probes one process after the
  /// other, and releases the lock in between, so that a thaw can come first.
  std::optional<std::vector<MemberStatus>> inspect();

  /// Moves to the next epoch, which cancels a freeze in flight at once, and continues every member that a freeze
  /// stopped, in registration order. Members that have exited are forgotten. Fails for a member that refuses SIGCONT,
  /// after continuing the rest; the next thaw tries that member again. `Closed` after `close`.
  Failures unfreeze(const Listener* caller = nullptr);

  /// Continues every member, whether or not it is marked as stopped, and ignores failures: for shutting down. Sends
  /// nothing in mode `None`. False after `close`.
  bool forceUnfreeze(const Listener* caller = nullptr);

  /// Thaws, and keeps the state from being frozen until the matching `release`: every freeze, in any thread, answers
  /// false from before that thaw on. Fails as `unfreeze` does, and then nothing is held.
  Failures hold(const Listener* caller = nullptr);
  /// Ends one hold. When the last hold ends, the listeners are told. Takes no lock where there is no listener.
  void release(const Listener* caller = nullptr) noexcept;
  /// The number of holds, of all threads together, by one load.
  std::uint32_t holdCount() const noexcept { return holds_.load(); }

  /// Makes the process that has this pid now a member; a live member stays as it is. While the state is frozen the
  /// newcomer is stopped at once, as by a frozen cgroup. A pid that no process has is registered as a member that has
  /// exited.
  ///
  /// Fails, and then registers nothing, with:
  /// - `NotAPid` for `kNotAPid`, `PidOutOfRange`, `OwnPid`, `OwnGuardian`, `KernelThread`, `ThreadId`, or a reason of
  ///   the mode;
  /// - `ResourceExhausted`;
  /// - `PermissionDenied` or `SignalFailed`, where a newcomer cannot be stopped;
  /// - `Closed`.
  ///
  /// `isJoining`, for mode `Cgroup`: the process is a child of ours that moves itself into the group before it executes
  /// its program, so this call does not move it. Until it is seen inside, a freeze counts it as stopped, and a
  /// confirmation waits for it. Registering it again ends that, whether it has joined or could not.
  Failures registerPid(std::int64_t pid, bool isJoining = false) { return registerPids({&pid, 1}, isJoining).failures; }
  /// Registers several under one hold of the lock, all or none. Those that were members before stay members either way.
  RegisterResult registerPids(std::span<const std::int64_t> pids, bool areJoining = false);

  /// Continues the member if we stopped it, and forgets it. Where it cannot be continued it stays a member.
  UnregisterResult unregisterPid(std::int64_t pid);

  /// The members' pids in registration order; empty (`std::nullopt`) after `close`.
  std::optional<std::vector<Pid>> pids() const;

  /// Thaws as `unfreeze` does, forgets the members, and makes every later operation fail with `Closed`. Closing again
  /// does nothing. The failures name members that could not be continued, and in mode `Cgroup` also what could not be
  /// moved out or removed.
  Failures close(const Listener* caller = nullptr);

  /// The first half of `close`: thaws, and makes later operations fail. At exit(3) every state is thawed first and
  /// closed afterwards, since forgetting members may take long: in mode `Cgroup` they are moved out of the group.
  /// `close` must follow unless `isLeftToGuardian`.
  void thawAtExit() noexcept;
  /// Whether the guardian ends the members once this process has exited. Then there is nothing to close, and
  /// `thawAtExit` continues only members that the ledger lacks. If the guardian may lack a right that it needs
  /// (`guardian::isWhole` is false), `thawAtExit` continues all that are stopped.
  bool isLeftToGuardian() const noexcept;

  /// Blocks until the word differs from `seen`, and returns the new word. Returns `seen` at the deadline, or once
  /// `interruption` says so when it is next asked. A change before the call ends the wait at once (G8). Closing is a
  /// change, to `word::kClosed`.
  ///
  /// For the time `spin` it polls the word before it sleeps, unless `processor::isAnotherAvailable` is false. All that
  /// ends the sleep ends that too. A change that it sees by polling may still be in progress: a thaw moves the word
  /// before it continues the members.
  std::uint64_t waitForChange(std::uint64_t seen, const std::optional<Deadline>& deadline, Interruption& interruption,
                              std::chrono::nanoseconds spin = std::chrono::nanoseconds(0));

  /// Until the listener is removed, it is told of each change and of each release of the last hold. A closed state has
  /// nothing more to tell. Takes the lock.
  void addListener(Listener& listener);
  /// The listener is not called any more once this has returned. Takes the lock.
  void removeListener(Listener& listener) noexcept;

 private:
  // Parts of the state in files of their own: they work on its members under its lock.
  friend class Attempt;
  friend class Registration;

  FreezeResult answerFor(std::uint64_t seen, std::uint64_t epoch) const;
  FreezeResult freezeNow(std::uint64_t epoch, const Listener* caller);
  Failures resume(ResumeScope scope);
  void dropExited() noexcept;
  bool isUnguarded(const MemberStatus& status) const noexcept;
  Failures continueMembers(std::unique_lock<std::mutex>& lock, const Listener* caller);
  bool spinForChange(std::uint64_t seen, Deadline until, Interruption& interruption) const noexcept;
  std::optional<FailureCode> whyNoMember(std::int64_t pid) const noexcept;
  bool advance() noexcept;
  void tell(const Listener* caller) noexcept;
  void announce(std::unique_lock<std::mutex>& lock, const Listener* caller) noexcept;

  const std::uint64_t id_ = live_states::nextId();
  const Mode mode_;

  /// Set to frozen only under `mutex_`; any thread moves it on at any time.
  std::atomic<std::uint64_t> word_{word::running(0)};

  /// Raised before the thaw that begins a hold, read by a freeze after it has read the word: so either the freeze sees
  /// the hold, or its exchange of the word fails.
  std::atomic<std::uint32_t> holds_{0};

  mutable std::mutex mutex_;  ///< guards what follows, and the signals sent to members
  Condition changed_;         ///< the word has moved
  const std::unique_ptr<Freezer> freezer_;
  Ledger* const ending_;   ///< where members are entered that are to end with this process; else null
  LedgerEntry endingTag_;  ///< lets the guardian find what they have started
  MemberList members_;
  Attempt* inProgress_ = nullptr;  ///< a freeze that is being made; null where there is none
  bool isCleared_ = false;         ///< `close` has run
  std::vector<Listener*> listeners_;

  /// Whether there are listeners. Written under `mutex_`, and read without it by `release`. A listener that is added
  /// too late to be told of a release reads `holdCount` after it was added.
  std::atomic<bool> hasListeners_{false};
};

}  // namespace freeze_state

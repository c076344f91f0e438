#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "../deadline.h"
#include "../failure.h"
#include "../os/process_control.h"
#include "../word.h"

namespace freeze_state {

/// A look at the word that a loop of signals goes by: once the word has moved on, the loop is to end.
class Ticket {
 public:
  Ticket(const std::atomic<std::uint64_t>& word, std::uint64_t expected) noexcept : word_(word), expected_(expected) {}
  bool isCurrent() const noexcept { return word_.load() == expected_; }

 private:
  const std::atomic<std::uint64_t>& word_;
  const std::uint64_t expected_;
};

/// Whom a thaw continues.
enum class Whom : std::uint8_t { Stopped, All };

/// What a confirmation says of a process.
enum class Outcome : std::uint8_t {
  Stopped,         ///< by us; or not seen stopped yet
  Gone,            ///< it has exited, or never existed
  AlreadyStopped,  ///< someone else had stopped it before we did
};

struct MemberOutcome {
  Pid pid = 0;
  Outcome outcome = Outcome::Stopped;
};

/// A process that a freeze covers, as `inspect` shows it.
struct MemberStatus {
  Pid pid = 0;
  ProcessState state = ProcessState::Unknown;
  bool isRegistered = true;  ///< else it came with a registered one
  bool isStoppedByUs = false;
};

/// What became of a stop, or of as much of it as was done by the deadline.
struct StopResult {
  bool isDone = true;  ///< else the next call goes on from there
  Failures failures;
  bool isIdle = false;  ///< there is nothing to do before somebody that was signalled has stopped
};

/// What became of an `unregisterPid`. `found` false with no failure: there was no such member.
struct UnregisterResult {
  bool found = false;
  Failures failures;
};

/// What a freeze covers, and how all of that is stopped and continued: there is one for each mode. The state decides
/// when; it calls every method under its lock. Nothing throws.
class Freezer {
 public:
  Freezer() = default;
  Freezer(const Freezer&) = delete;
  Freezer& operator=(const Freezer&) = delete;
  virtual ~Freezer() = default;

  /// Whether anything can be frozen in this way here.
  virtual bool isSupported() const noexcept = 0;
  virtual Pid ownPid() const noexcept = 0;

  virtual bool isEmpty() const noexcept = 0;
  /// The registered processes, in the order of their registration.
  virtual std::vector<Pid> pids() const = 0;

  /// Makes the process a member: a pid in range that is not our own. Where the set is frozen, as the ticket then says,
  /// it is stopped at once; a thaw may move the word meanwhile, and finds it marked. On failure nothing is registered,
  /// and nothing that it brought stays stopped.
  virtual Failures add(Pid pid, const Ticket* frozen) = 0;

  /// Continues the member if we stopped it, with all that came with it, and forgets it. On failure it stays a member.
  virtual UnregisterResult remove(Pid pid) = 0;

  /// Before the first call of `stop`, and again where anything else was done to the set since the last one.
  virtual void beginStop() = 0;
  /// Stops all that it covers, as far as it comes by the deadline, and gets on a little in any case; ends early, too,
  /// where the ticket is not current any more, which is looked at between any two signals. What was stopped is marked,
  /// also on failure. `isNoting` has it note what others had stopped before.
  virtual StopResult stop(const Ticket& ticket, bool isNoting, Deadline until) = 0;

  /// Continues what was stopped, in the order in which it was; what refuses keeps its mark and is a failure.
  virtual Failures resume(Whom whom) = 0;

  virtual bool isAnyAlive() const noexcept = 0;
  virtual bool isAnyStopped() const noexcept = 0;

  /// One `ProcessNotFound` for each member.
  virtual Failures deaths() const = 0;
  /// Asks the kernel which members have exited since.
  virtual void findGone() noexcept = 0;
  /// Forgets those that are known to have.
  virtual void dropGone() noexcept = 0;
  /// Forgets everything. What it made is removed; the failures say what could not be.
  virtual Failures clear() = 0;

  /// While frozen: the live processes that were not seen stopped yet. Looks at as many as it can until the deadline,
  /// and goes on from there at the next call, so a process that it did not come to is one of them.
  virtual std::vector<Pid> unstopped(const Ticket& frozen, Deadline until) = 0;
  /// Of a stop that is under way: the live processes that were signalled and not seen stopped. Takes no look.
  virtual std::vector<Pid> awaited() const = 0;
  /// While frozen: what became of each process that is covered, as far as the looks saw. The registered ones come
  /// first, in the order of their registration.
  virtual std::vector<MemberOutcome> outcomes() = 0;

  /// Whom `inspect` is to begin with: the registered ones, and whom a freeze has found besides.
  virtual std::vector<Pid> everyone() = 0;
  /// Takes a look at one of those, or of those that looks have found; nothing where it is none of ours any more.
  /// Appends whom it leads to that `everyone` does not have.
  virtual std::optional<MemberStatus> inspect(Pid pid, std::vector<Pid>& found) = 0;
};

}  // namespace freeze_state

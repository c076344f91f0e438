#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../failure.h"
#include "../slice.h"
#include "../step.h"
#include "member_list.h"
#include "stop_protocol.h"

namespace freeze_state {

/// What a confirmation says of a process.
enum class Outcome : std::uint8_t {
  StoppedByUs,     ///< or about to be: it may not be seen stopped yet
  Gone,            ///< it has exited, or never existed
  AlreadyStopped,  ///< it was stopped before we stopped it
};

/// A process that a freeze covers, by what is known of it.
struct Covered {
  Pid pid = 0;
  Outcome outcome = Outcome::StoppedByUs;
  bool isPending = false;  ///< it was signalled, and not seen stopped
};

/// A process that a freeze covers, as `inspect` shows it.
struct MemberStatus {
  Pid pid = 0;
  ProcessState state = ProcessState::Unknown;
  bool isRegistered = true;  ///< else it came with a registered one
  bool isStoppedByUs = false;
  bool isRecorded = false;   ///< the ledger has it
  bool isUnguarded = false;  ///< the guardian should know of it, and does not; the state fills it in
};

/// What a freeze covers, and how all of that is stopped and continued: there is one for each mode. The state decides
/// when. It owns the members and hands them over, and calls every function under its lock. Nothing throws.
///
/// A mode must write six: admit, dismiss, begin, stop, confirm, resume. Eight more have a default that only knows the
/// members: expect, readmit, refresh, isAnyAlive, isAnyStopped, visit, inspect, close. A mode overrides those where it
/// covers more, or where it has made something. `inspect` is apart from `visit` since it probes: process by process,
/// and the state releases its lock in between, so that a thaw can come first.
class Freezer {
 public:
  /// `isSupported`: whether anything can be frozen in this way here. `cgroup`: the directory of the control group that
  /// it freezes; empty where it does so by other means. `ledger`: where it notes what it stops; null where there is
  /// none.
  Freezer(ProcessControl& control, bool isSupported, Ledger* ledger = nullptr, std::string cgroup = {}) noexcept
      : control_(control), isSupported_(isSupported), ledger_(ledger), cgroup_(std::move(cgroup)) {}
  Freezer(const Freezer&) = delete;
  Freezer& operator=(const Freezer&) = delete;
  virtual ~Freezer() = default;

  ProcessControl& control() const noexcept { return control_; }

  bool isSupported() const noexcept { return isSupported_; }
  Ledger* ledger() const noexcept { return ledger_; }
  const std::string& cgroup() const noexcept { return cgroup_; }

  /// Takes hold of a newcomer: the last of the members, of which only the pid is filled in. Where the set is frozen, as
  /// the ticket then says, it is stopped at once; a thaw may move the word meanwhile, and finds it marked. On failure
  /// the state forgets the newcomer, and nothing that came with it stays stopped.
  virtual Failures admit(MemberList& members, Member& newcomer, const Ticket* frozen) = 0;
  /// Takes hold of a newcomer that is a child of ours, and joins by itself what the mode makes of its members, if
  /// anything.
  virtual Failures expect(MemberList& members, Member& newcomer, const Ticket* frozen) {
    return admit(members, newcomer, frozen);
  }
  /// A live member was registered again: puts right what foreign processes have undone. On failure it stays a member.
  virtual Failures readmit(MemberList& /*members*/, Member& /*member*/) { return {}; }
  /// Continues the member if we stopped it, with all that came with it. Then the state forgets it. On failure it stays,
  /// and where the set is frozen, as the ticket then says, it stays stopped with all that came with it.
  virtual Failures dismiss(MemberList& members, Member& member, const Ticket* frozen) = 0;

  /// Asks the kernel which members have exited.
  virtual void refresh(MemberList& members) noexcept { members.refresh(); }
  /// Whether anything is left to freeze, as far as is known.
  virtual bool isAnyAlive(const MemberList& members) const noexcept { return members.isAnyAlive(); }

  /// Before the first `stop` of a freeze, and again where the members have changed since the last one; and before a
  /// `confirm` of a freeze that an earlier call has made. What was seen of it is forgotten: it may have changed since.
  virtual void begin(MemberList& members) = 0;
  /// Stops all that it covers, in steps; each makes some progress. What was stopped is marked, however it ends.
  /// `notesStoppedBefore`: notes the processes that were stopped before.
  virtual Step stop(MemberList& members, const Slice& slice, bool notesStoppedBefore) = 0;
  /// While frozen, in steps: done once all of it was seen stopped. Probes each process at most once. Fails where that
  /// can no longer be known, for lack of descriptors, say; the caller must then roll the freeze back.
  virtual Step confirm(MemberList& members, const Slice& slice) = 0;
  /// Continues what was stopped, in the order in which it was; what refuses keeps its mark and is a failure.
  virtual Failures resume(MemberList& members, ResumeScope scope) = 0;
  virtual bool isAnyStopped(const MemberList& members) const noexcept { return members.isAnyStopped(); }

  /// All that is covered, as far as is known: the members first, in the order of their registration. Probes no
  /// process for its state; may mark those that have exited.
  virtual std::vector<Covered> visit(MemberList& members);
  /// Probes one of those; nothing where it is none of ours any more. Appends descendants that `visit` does not know.
  /// Where the slice is cancelled the answer is of no use.
  virtual std::optional<MemberStatus> inspect(MemberList& members, Pid pid, std::vector<Pid>& found,
                                              const Slice& slice);

  /// At the end, when nothing is stopped any more. What it made is removed; the failures say what could not be. Doing
  /// it again does nothing.
  virtual Failures close(MemberList& /*members*/) { return {}; }

 protected:
  /// Adds the members, with what their marks say.
  static void addTo(std::vector<Covered>& list, const MemberList& members) {
    addTo(list, members, [](const Member& member) { return member.stop.isPending(); });
  }
  /// Adds the members; of a living one the predicate says whether it is pending.
  template <typename IsPending>
  static void addTo(std::vector<Covered>& list, const MemberList& members, IsPending isPending) {
    for (const Member& member : members.all())
      list.push_back({member.pid(), outcomeOf(member), !member.hasExited() && isPending(member)});
  }

 private:
  static Outcome outcomeOf(const Member& member) noexcept;

  ProcessControl& control_;
  const bool isSupported_;
  Ledger* const ledger_;
  const std::string cgroup_;
};

}  // namespace freeze_state

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

/// A process that a freeze covers, as far as is known without a probe.
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

/// What a freeze covers, and how that is stopped and continued. Each mode has its own. The state decides when. It owns
/// the members, passes them to each function, and calls each function under its lock, on whichever thread the state was
/// called. Nothing throws.
///
/// A mode must write six functions: admit, dismiss, begin, stop, confirm, resume. Eight more have a default that only
/// knows the members: expect, readmit, refresh, isAnyAlive, isAnyStopped, visit, inspect, close. A mode overrides those
/// where it covers more, or where it has made something. `inspect` is separate from `visit` because it probes. It
/// probes one process per call, and the state releases its lock between two calls, so that a thaw can come first.
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

  /// Takes hold of a newcomer. It is the last of the members, and only its pid is filled in. `frozen` is the ticket of
  /// the freeze while the state is frozen, and null while it is running. While the state is frozen the newcomer is
  /// stopped at once. A thaw may move the word meanwhile; it then finds the newcomer marked. On failure the state
  /// forgets the newcomer, and nothing that came with it stays stopped.
  virtual Failures admit(MemberList& members, Member& newcomer, const Ticket* frozen) = 0;
  /// As `admit`, for a child of ours that joins the others by itself: in mode `Cgroup`, it moves itself into the group.
  virtual Failures expect(MemberList& members, Member& newcomer, const Ticket* frozen) {
    return admit(members, newcomer, frozen);
  }
  /// Called when a live member is registered again. Puts right what foreign processes have undone. On failure it stays
  /// a member.
  virtual Failures readmit(MemberList& /*members*/, Member& /*member*/) { return {}; }
  /// Continues the member if we stopped it, with all that came with it. Then the state forgets it. On failure it stays
  /// a member; if the state is frozen (`frozen` as for `admit`), it and all that came with it stay stopped.
  virtual Failures dismiss(MemberList& members, Member& member, const Ticket* frozen) = 0;

  /// Asks the kernel which members have exited.
  virtual void refresh(MemberList& members) noexcept { members.refresh(); }
  /// Whether anything is left to freeze, as far as is known.
  virtual bool isAnyAlive(const MemberList& members) const noexcept { return members.isAnyAlive(); }

  /// Called before the first `stop` of a freeze, and again where the members have changed since the last `stop`. Also
  /// called before the first `confirm` of a freeze that an earlier call has made. Forgets what was seen stopped, since
  /// that may have changed.
  virtual void begin(MemberList& members) = 0;
  /// Stops all that it covers, in steps, each of which makes some progress. What was stopped is marked, whatever the
  /// step returns. With `Noted` it, or the `confirm` that follows, also notes which processes were stopped before.
  virtual Step stop(MemberList& members, const Slice& slice, StoppedBefore before) = 0;
  /// Waits, in steps, until all that it covers was seen stopped. Called while the state is frozen. Each call probes
  /// each process at most once. Fails where it can no longer be known whether all have stopped, for lack of
  /// descriptors, for example; the caller must then roll the freeze back.
  virtual Step confirm(MemberList& members, const Slice& slice) = 0;
  /// Continues what was stopped, in the order in which it was stopped. What refuses keeps its mark and is a failure.
  virtual Failures resume(MemberList& members, ResumeScope scope) = 0;
  /// Whether anything may be stopped by us.
  virtual bool isAnyStopped(const MemberList& members) const noexcept { return members.isAnyStopped(); }

  /// All that is covered, as far as is known: the members first, in the order of their registration. Probes no
  /// process for its state; may mark those that have exited.
  virtual std::vector<Covered> visit(MemberList& members);
  /// Probes one process that `visit` or an earlier call has named; empty where it is not covered any more. Appends to
  /// `found` the descendants that `visit` does not know. The answer is of no use once the slice is cancelled.
  virtual std::optional<MemberStatus> inspect(MemberList& members, Pid pid, std::vector<Pid>& found,
                                              const Slice& slice);

  /// Called at the end, when nothing is stopped any more. Removes what the mode has made; the failures say what could
  /// not be removed. Doing it again does nothing.
  virtual Failures close(MemberList& /*members*/) { return {}; }

 protected:
  /// Adds the members, with what their marks say.
  static void addTo(std::vector<Covered>& list, const MemberList& members) {
    addTo(list, members, [](const Member& member) { return member.stop.isPending(); });
  }
  /// Adds the members. The predicate says of each live one whether it is pending.
  template <typename IsPending>
  static void addTo(std::vector<Covered>& list, const MemberList& members, IsPending isPending) {
    for (const Member& member : members.all())
      list.push_back(
          {.pid = member.pid(), .outcome = outcomeOf(member), .isPending = !member.hasExited() && isPending(member)});
  }

 private:
  static Outcome outcomeOf(const Member& member) noexcept;

  ProcessControl& control_;
  const bool isSupported_;
  Ledger* const ledger_;
  const std::string cgroup_;
};

}  // namespace freeze_state

#pragma once

#include <bit>
#include <cstddef>
#include <optional>

#include "../slice.h"
#include "../step.h"
#include "confirm_cursor.h"
#include "member.h"
#include "member_list.h"

namespace freeze_state {

/// Which processes a thaw continues: those that we have stopped, or all.
enum class ResumeScope : std::uint8_t { Stopped, All };

/// How one process is stopped, seen to be stopped, and continued. What a freeze does to a process by a signal goes
/// through here, except for one of a group that keeps running (process_group.cpp). The marks of the member say how far
/// it has come. Called under the state's lock.
///
/// A process that was sent SIGSTOP is not stopped yet. The signal may be on its way. It may also be taken back, by the
/// SIGCONT of another sender or by an execve(2) in one of several threads. So a process that is found awake is sent
/// SIGSTOP again, at ever longer intervals, since a tracer passes on each one.
class StopProtocol {
 public:
  /// `ledger`: where what is stopped is noted for the guardian; null where there is none.
  explicit StopProtocol(ProcessControl& control, Ledger* ledger = nullptr) noexcept
      : control_(control), ledger_(ledger) {}

  /// Whether to send SIGSTOP again to a process that so many probes have found awake.
  static constexpr bool isResendDue(unsigned timesAwake) noexcept {
    return timesAwake >= kOnItsWay && std::has_single_bit(timesAwake);
  }

  /// Sends SIGSTOP and marks the member, as sent or as exited. The failure is any other answer, or that the member must
  /// not be signalled; it may be marked as sent then, too. `isNoting`: notes first whether it was stopped before.
  std::optional<Failure> stop(Member& member, bool isNoting) noexcept;

  /// Probes the member, in steps, and notes what that shows: for a caller that judges the state itself. Nothing where
  /// the slice cut it short: a later call continues it. Sends SIGSTOP again where that is due.
  std::optional<ProcessState> probe(Member& member, const Slice& slice) noexcept;
  void foundAwake(Member& member) noexcept;

  /// Sends SIGCONT and takes the marks off. The failure is any other answer than success and ESRCH.
  std::optional<Failure> resume(Member& member) noexcept;

  /// Sends SIGSTOP to each live member, from that index on. Ends at the first failure, and where the slice is over.
  Step stopAll(MemberList& members, std::size_t& next, const Slice& slice, bool isNoting);
  /// Probes each live member that was not seen stopped yet, once, as the cursor has it. `others`: what else is covered,
  /// and may trace them.
  Step confirmAll(MemberList& members, ConfirmCursor& cursor, const Slice& slice, MemberList* others = nullptr);
  /// The next `confirmAll` probes all of them again: a foreign process may have continued them since.
  static void forgetSeen(MemberList& members) noexcept;
  /// Sends SIGCONT to the live members, in their order.
  void resumeAll(MemberList& members, ResumeScope scope, Failures& failures);

 private:
  /// So many probes may find it awake while its SIGSTOP is on its way.
  static constexpr unsigned kOnItsWay = 4;

  /// Where a tracer may be found.
  struct Covering {
    MemberList& members;
    MemberList* others;
  };

  /// Whether the member is quiescent, by a probe where that is not known yet. Nothing where the slice cut the probe
  /// short: a later call continues it. Sends SIGSTOP again where that is due.
  std::optional<bool> confirm(Member& member, const Covering& covered, const Slice& slice) noexcept;
  bool isHeldByCovered(Member& member, const Covering& covered) noexcept;
  int sendStop(Member& member) noexcept;
  Failure sendFailure(const Member& member, int error) const;

  ProcessControl& control_;
  Ledger* const ledger_;
};

}  // namespace freeze_state

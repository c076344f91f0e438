#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "../slice.h"
#include "../step.h"
#include "confirm_cursor.h"
#include "member.h"
#include "member_list.h"

namespace freeze_state {

/// Which processes a thaw continues.
enum class ResumeScope : std::uint8_t {
  Stopped,     ///< those that we have stopped
  Unrecorded,  ///< those of them that the ledger has no entry for, so that the guardian does not find them
  All,
};

/// How one process is stopped, seen to be stopped, and continued: what a freeze does to a process by a signal goes
/// through here. The marks say how far it has come. Called under the state's lock.
///
/// A process that was sent SIGSTOP is not stopped yet. The signal may be on its way. It may also be taken back, by the
/// SIGCONT of another sender or by an execve(2) in one of several threads. So a process that is found awake is sent
/// SIGSTOP again, at ever longer intervals, since a tracer passes on each one.
class StopProtocol {
 public:
  /// `ledger`: where what is stopped is noted for the guardian; null where there is none.
  explicit StopProtocol(ProcessControl& control, Ledger* ledger = nullptr) noexcept
      : control_(control), ledger_(ledger) {}

  /// What a probe says of a process that was sent SIGSTOP.
  enum class Finding : std::uint8_t {
    Stopped,
    Traced,     ///< in a stop of its tracer, with a SIGSTOP pending
    Exited,     ///< or seems so for a moment, while a thread takes over its number by execve(2)
    Awake,      ///< its SIGSTOP may be on its way
    ResendDue,  ///< awake so often that its SIGSTOP may have been taken back: send it again
    Unknown,    ///< nothing tells
  };
  /// Judges a process by the state that a probe has found it in, and notes that in its marks.
  static Finding judge(StopMarks& marks, ProcessState state) noexcept;

  /// Sends SIGSTOP and marks the member, as sent or as exited. The failure is any other answer, or that the member must
  /// not be signalled; it may be marked as sent then, too. `notesStoppedBefore`: notes first whether it was stopped
  /// before.
  std::optional<Failure> stop(Member& member, bool notesStoppedBefore) noexcept;

  /// Probes the member, in steps, and notes what that shows. Nothing where the slice cut it short: a later call
  /// continues it. Sends SIGSTOP again where that is due.
  std::optional<ProcessState> probe(Member& member, const Slice& slice) noexcept;
  /// Sends SIGSTOP to a process that is awake although it was sent one.
  void stopAgain(Member& member) noexcept;

  /// Sends SIGCONT and takes the marks off. The failure is any other answer than success and ESRCH.
  std::optional<Failure> resume(Member& member) noexcept;

  /// Sends SIGSTOP to each live member, from that index on. Ends at the first failure, and where the slice is over.
  Step stopAll(MemberList& members, std::size_t& next, const Slice& slice, bool notesStoppedBefore);
  /// Probes each live member that was not seen stopped yet, once, as the cursor has it. `rest`: what else is covered,
  /// and may trace them.
  Step confirmAll(MemberList& members, ConfirmCursor& cursor, const Slice& slice, MemberList* rest = nullptr);
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
    MemberList* rest;
  };

  /// Probes a member that was not seen quiescent yet: done if it is; blocked if not; more where the slice cut the probe
  /// short. Sends SIGSTOP again where that is due.
  Step confirm(Member& member, const Covering& covered, const Slice& slice);
  bool isHeldByCovered(Member& member, const Covering& covered) noexcept;
  int sendStop(Member& member) noexcept;
  Failure sendFailure(const Member& member, int error) const;

  ProcessControl& control_;
  Ledger* const ledger_;
};

}  // namespace freeze_state

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

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
  All,         ///< every live one, marked or not
};

/// Whether a stop notes which processes were stopped before it.
enum class StoppedBefore : std::uint8_t { Ignored, Noted };

/// How one process is stopped, seen to be stopped, and continued. All signals of a freeze go through here. `StopMarks`
/// record how far a process has come. Called under the state's lock.
///
/// A process that was sent SIGSTOP is not stopped yet. The signal may be on its way. It may also be taken back, by the
/// SIGCONT of another sender or by an execve(2) in one of several threads. So a process that is found awake is sent
/// SIGSTOP again. The intervals grow, because a tracer is told of each one.
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
    Unknown,    ///< nothing tells what it does
  };
  /// Judges a process by the state that a probe has found it in, and notes that in its marks.
  static Finding judge(StopMarks& marks, ProcessState state) noexcept;

  /// What a stop needs before its signal, so that nothing but signals is left to do in the real-time class of a
  /// `SignalLoop`: enters the member in the ledger, and with `Noted` notes whether it was stopped before.
  void prepare(Member& member, StoppedBefore before) noexcept;
  /// Sends SIGSTOP to a member that was prepared, and marks it as sent or as exited. Fails on any other answer, and
  /// where the member must not be signalled (`ProcessControl::whyUnfit`); even then it may be marked as sent.
  std::optional<Failure> stopPrepared(Member& member) noexcept;
  /// Both.
  std::optional<Failure> stop(Member& member, StoppedBefore before) noexcept;

  /// Probes the member, in steps, and notes what that shows. Sends SIGSTOP again where that is due. Empty where the
  /// slice cut the probe short; a later call continues it.
  std::optional<ProcessState> probe(Member& member, const Slice& slice) noexcept;
  /// Sends SIGSTOP to a process that is awake although it was sent one. False where it could not be sent.
  bool stopAgain(Member& member) noexcept;

  /// Sends SIGCONT and clears the marks. ESRCH marks the member as exited. On any other answer it fails, and the marks
  /// stay.
  std::optional<Failure> resume(Member& member) noexcept;

  /// Prepares live members from the index `next` on, and advances `next`: one at the least, and no more once the slice
  /// is over.
  void prepareSome(std::span<Member> members, std::size_t& next, const Slice& slice, StoppedBefore before) noexcept;
  /// Sends SIGSTOP to each live one of these members from the index `next` on, and advances `next`. Ends at the first
  /// failure, and where the slice is over.
  Step stopAll(std::span<Member> prepared, std::size_t& next, const Slice& slice);
  /// Probes each live member that was not seen stopped yet, once, from where the cursor is. Done when all are
  /// quiescent. `rest`: the other processes that are covered, since a member's tracer may be one of them; null where
  /// there are none.
  Step confirmAll(MemberList& members, ConfirmCursor& cursor, const Slice& slice, MemberList* rest = nullptr);
  /// The next `confirmAll` probes all of them again: a foreign process may have continued them since.
  static void forgetSeen(MemberList& members) noexcept;
  /// Sends SIGCONT to the live members in the scope, in their order, and appends what fails.
  void resumeAll(MemberList& members, ResumeScope scope, Failures& failures);

 private:
  /// Once this many probes have found a process awake, its SIGSTOP may have been taken back: it is sent again then, and
  /// at each power of two after that. Before, it may be on its way.
  static constexpr unsigned kOnItsWay = 4;

  /// Where a tracer may be found.
  struct Covering {
    MemberList& members;
    MemberList* rest;
  };

  /// Probes a member that was not seen quiescent yet. Done if it is quiescent now, blocked if not, more where the slice
  /// cut the probe short. Sends SIGSTOP again where that is due.
  Step confirm(Member& member, const Covering& covered, const Slice& slice);
  bool isHeldByCovered(Member& member, const Covering& covered) noexcept;
  void record(Member& member) noexcept;
  int sendStop(Member& member) noexcept;
  Failure sendFailure(const Member& member, int error) const;

  ProcessControl& control_;
  Ledger* const ledger_;
};

}  // namespace freeze_state

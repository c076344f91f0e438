#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "../os/process_control.h"
#include "freezer.h"

namespace freeze_state {

/// Members in a fixed order, and the signals to them; owns what the control holds of them. Not thread-safe: the
/// state's lock guards it.
class MemberList {
 public:
  explicit MemberList(ProcessControl& control) noexcept : control_(control) {}
  MemberList(const MemberList&) = delete;
  MemberList& operator=(const MemberList&) = delete;
  ~MemberList() { clear(); }

  std::span<Member> all() noexcept { return members_; }
  std::span<const Member> all() const noexcept { return members_; }
  bool isEmpty() const noexcept { return members_.empty(); }
  std::size_t size() const noexcept { return members_.size(); }

  /// The member with this pid, or null; the living one, where a dead one's number was given anew. Valid until the list
  /// changes.
  Member* find(Pid pid) noexcept;

  bool isAnyAlive() const noexcept;
  bool isAnyStopped() const noexcept;

  /// Sends SIGSTOP and marks the member: as stopped, or as gone. The failure is any other answer.
  std::optional<Failure> stop(Member& member, bool isNoting);
  /// To be called for each look that has found it awake after its SIGSTOP. That may be on its way yet; or it was taken
  /// back, by somebody's SIGCONT or by an execve(2) in one of several threads. So now and then it is sent again.
  void foundAwake(Member& member) noexcept;
  /// Sends SIGSTOP to each live member, from that index on, while the ticket is current and the deadline has not
  /// passed, and ends at the first failure.
  StopResult stop(const Ticket& ticket, bool isNoting, Deadline until, std::size_t& next);
  /// Sends SIGCONT and takes the mark off. The failure is any other answer than success and ESRCH.
  std::optional<Failure> resume(Member& member);
  /// Sends SIGCONT to the live members, in their order.
  void resume(Whom whom, Failures& failures);

  /// Whether the member has stopped since its SIGSTOP, or is gone: by a look at it where that is not known yet. Nothing
  /// where the deadline cut that look short.
  std::optional<bool> isSettled(Member& member, Deadline until) noexcept;
  /// The live ones that are not settled; see `Freezer::unstopped`. The cursor is where the last call left off.
  void unstopped(const Ticket& ticket, Deadline until, std::size_t& cursor, std::vector<Pid>& pids);
  void awaited(std::vector<Pid>& pids) const;
  void outcomes(std::vector<MemberOutcome>& list) const;

  /// Asks the kernel which members have exited since.
  void findGone() noexcept { control_.findGone(members_); }

  void add(const Member& member) { members_.push_back(member); }
  void remove(Member& member) noexcept;
  void dropGone() noexcept;
  void clear() noexcept;

  /// The failure of a signal that was answered with this errno(3).
  Failure sendFailure(const Member& member, int error) const;

 private:
  ProcessControl& control_;
  std::vector<Member> members_;
};

}  // namespace freeze_state

#include "stop_protocol.h"

#include <algorithm>
#include <bit>
#include <cerrno>

namespace freeze_state {

void StopProtocol::prepare(Member& member, StoppedBefore before) noexcept {
  // Not noted again when a freeze is begun again: by then it was stopped by us.
  if (!member.stop.isSent)
    member.stop.wasStoppedBefore = before == StoppedBefore::Noted && control_.isStopped(member.process);
  record(member);
}

std::optional<Failure> StopProtocol::stop(Member& member, StoppedBefore before) noexcept {
  prepare(member, before);
  return stopPrepared(member);
}

std::optional<Failure> StopProtocol::stopPrepared(Member& member) noexcept {
  if (const auto code = control_.whyUnfit(member.process); code) return Failure{.code = *code, .pid = member.pid()};
  member.stop.isSeen = false;
  member.stop.timesAwake = 0;
  member.stop.scan = {};
  const int error = sendStop(member);
  if (error != 0 && error != ESRCH) return sendFailure(member, error);
  // The member may have become unfit just before the signal, which then reached a process that it was not meant for.
  if (const auto code = control_.whyUnfit(member.process); code) return Failure{.code = *code, .pid = member.pid()};
  if (error == ESRCH) member.process.hasExited = true;
  return std::nullopt;
}

std::optional<ProcessState> StopProtocol::probe(Member& member, const Slice& slice) noexcept {
  const auto state = control_.probe(member.process, member.stop.scan, slice);
  if (!state) return std::nullopt;
  const Finding finding = judge(member.stop, *state);
  if (finding == Finding::Exited) member.process.hasExited = true;
  if (finding == Finding::ResendDue) stopAgain(member);
  return state;
}

StopProtocol::Finding StopProtocol::judge(StopMarks& marks, ProcessState state) noexcept {
  switch (state) {
    case ProcessState::Stopped: marks.isSeen = true; return Finding::Stopped;
    case ProcessState::Traced: return Finding::Traced;
    case ProcessState::Zombie:
    case ProcessState::Gone: return Finding::Exited;
    case ProcessState::Running:
    case ProcessState::Sleeping: {
      const unsigned times = ++marks.timesAwake;
      return times >= kOnItsWay && std::has_single_bit(times) ? Finding::ResendDue : Finding::Awake;
    }
    case ProcessState::Unknown: break;
  }
  return Finding::Unknown;
}

Step StopProtocol::confirm(Member& member, const Covering& covered, const Slice& slice) {
  const auto state = probe(member, slice);
  if (!state) return Step::more();
  // A tracee in a stop of its tracer does not run. Where SIGSTOP was sent again, the pending one may be left over: the
  // first has stopped it, and it takes no other while its tracer listens (PTRACE_LISTEN, ptrace(2)).
  if (*state == ProcessState::Traced)
    member.stop.isSeen = member.stop.timesAwake >= kOnItsWay || isHeldByCovered(member, covered);
  return member.isQuiescent() ? Step::done() : Step::blocked();
}

/// Whether its tracer is stopped with it. A tracee stays in such a stop until its tracer lets it run (ptrace(2)), and
/// the tracer was seen stopped before the tracee was probed.
bool StopProtocol::isHeldByCovered(Member& member, const Covering& covered) noexcept {
  Pid tracer = 0;
  verified(control_, member.process, [&] {
    tracer = control_.tracerOf(member.process);
    return 0;
  });
  if (tracer == 0 || member.hasExited()) return false;
  const Member* found = covered.members.find(tracer);
  if (found == nullptr && covered.rest != nullptr) found = covered.rest->find(tracer);
  return found != nullptr && !found->hasExited() && found->stop.isSeen;
}

bool StopProtocol::stopAgain(Member& member) noexcept {
  if (control_.whyUnfit(member.process)) return false;
  record(member);
  if (sendStop(member) != 0) return false;
  // If it was stopped before, that stop was taken back: from now on it is ours to continue.
  member.stop.wasStoppedBefore = false;
  return true;
}

std::optional<Failure> StopProtocol::resume(Member& member) noexcept {
  const int error = control_.send(member.process, Signal::Continue);
  if (error != 0 && error != ESRCH) return sendFailure(member, error);
  member.stop = {};
  member.entry.clear();
  if (error == ESRCH) member.process.hasExited = true;
  return std::nullopt;
}

/// Enters the member in the ledger, unless it is there already.
void StopProtocol::record(Member& member) noexcept {
  if (ledger_ == nullptr || !member.entry.isEmpty()) return;
  ledger_->awaitReader();
  member.entry = ledger_->enter(control_.identify(member.process));
}

/// Sets the mark before it sends the signal. Whatever ends us in between, the guardian then finds all that may be
/// stopped.
int StopProtocol::sendStop(Member& member) noexcept {
  member.entry.mark();
  const int error = control_.send(member.process, Signal::Stop);
  if (error == 0) {
    member.stop.isSent = true;
  } else if (!member.stop.isSent) {
    member.entry.clear();
  }
  return error;
}

void StopProtocol::prepareSome(std::span<Member> members, std::size_t& next, const Slice& slice,
                               StoppedBefore before) noexcept {
  do {
    Member& member = members[next++];
    if (!member.hasExited()) prepare(member, before);
  } while (next < members.size() && !slice.isOver());
}

Step StopProtocol::stopAll(std::span<Member> prepared, std::size_t& next, const Slice& slice) {
  while (next < prepared.size()) {
    if (slice.isCancelled()) return Step::cancelled();
    Member& member = prepared[next++];
    if (member.hasExited()) continue;
    if (const auto failure = stopPrepared(member); failure) return Step::failed({*failure});
    // Between two signals, so that a thaw waits for one signal at most (G6).
    if (next < prepared.size() && slice.isOver()) return Step::endedBy(slice);
  }
  return Step::done();
}

Step StopProtocol::confirmAll(MemberList& members, ConfirmCursor& cursor, const Slice& slice, MemberList* rest) {
  const auto all = members.all();
  Step step = cursor.goRound(all, slice, [&](Member& member) {
    return member.isQuiescent() ? Step::blocked() : confirm(member, {members, rest}, slice);
  });
  if (step.hasFailed()) return step;
  return std::ranges::all_of(all, &Member::isQuiescent) ? Step::done() : cursor.unfinished(all.size());
}

void StopProtocol::forgetSeen(MemberList& members) noexcept {
  for (Member& member : members.all()) {
    member.stop.isSeen = false;
    member.stop.scan = {};
    // The count is lowered so that SIGSTOP is sent again after a few probes, as at first. It is not cleared, because
    // `confirm` reads from it whether SIGSTOP was sent again.
    member.stop.timesAwake = std::min(member.stop.timesAwake, kOnItsWay);
  }
}

void StopProtocol::resumeAll(MemberList& members, ResumeScope scope, Failures& failures) {
  for (Member& member : members.all()) {
    if (member.hasExited() || (scope != ResumeScope::All && !member.stop.isSent)) continue;
    if (scope == ResumeScope::Unrecorded && member.isRecorded()) continue;
    if (const auto failure = resume(member); failure) failures.push_back(*failure);
  }
}

Failure StopProtocol::sendFailure(const Member& member, int error) const {
  const FailureCode code = error == EPERM ? FailureCode::PermissionDenied : FailureCode::SignalFailed;
  return {
      .code = code, .pid = member.pid(), .error = error, .call = control_.sendCall(), .isStopped = member.stop.isSent};
}

}  // namespace freeze_state

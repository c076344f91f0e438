#include "group_probe.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace freeze_state {

Step GroupProbe::confirm(MemberList& members, GroupProcess& process, const Slice& slice) {
  const auto state = process.files ? table_.probeBy(*process.files, process.stop.scan, slice)
                                   : table_.probe(process.pid, process.stop.scan, slice);
  if (!state) return Step::more();
  const auto finding = StopProtocol::judge(process.stop, *state);
  switch (finding) {
    case StopProtocol::Finding::Stopped: noteStopped(process); return Step::done();
    case StopProtocol::Finding::Traced: return confirmTracee(members, process, slice);
    case StopProtocol::Finding::Exited: return confirmExit(process.pid);
    case StopProtocol::Finding::Awake:
    case StopProtocol::Finding::ResendDue:
      // One that is not in the group any more was never covered, or has exited.
      if (table_.groupOf(process.pid) != process.group) return Step::done();
      return finding == StopProtocol::Finding::ResendDue ? stopAgain(members, process) : Step::blocked();
    case StopProtocol::Finding::Unknown: break;
  }
  ProcessEntry entry;
  const int error = table_.read(process.pid, entry);
  return isOutOfResources(error) ? Step::failed({readFailure(process.pid, error)}) : Step::blocked();
}

bool GroupProbe::hasSeenStopped(Pid group) const noexcept {
  return std::ranges::find(stoppedGroups_, group) != stoppedGroups_.end();
}

void GroupProbe::forgetResent(Pid group) noexcept {
  std::erase_if(resent_, [&](const auto& one) { return one.second == group; });
}

void GroupProbe::noteStopped(const GroupProcess& process) {
  if (!hasSeenStopped(process.group)) stoppedGroups_.push_back(process.group);
  settled_.insert(process.pid);
}

/// A tracee in a stop of its tracer, with a SIGSTOP pending, counts as stopped in two cases, as in
/// `StopProtocol::confirm`: SIGSTOP was sent again, so the pending one may be left over; or the tracer is stopped with
/// it. No record says whether the tracer was seen stopped, so it is probed now. Only the next probe of the tracee
/// decides, since the tracer may just have let it run.
Step GroupProbe::confirmTracee(MemberList& members, GroupProcess& process, const Slice& slice) {
  ProcessControl& control = groups_.processes();
  Pid tracer = 0;
  bool hasExited = false;
  Step read = hold(process.pid, [&](Process& tracee) {
    const auto readTracer = [&] {
      tracer = control.tracerOf(tracee);
      return 0;
    };
    hasExited = verified(control, tracee, readTracer) != 0;
    return Step::blocked();
  });
  if (read.hasFailed()) return read;
  if (hasExited) return confirmExit(process.pid);
  const bool isHeld = tracer != 0 && tracer == process.tracer;
  if (isHeld || resent_.contains(process.pid)) {
    noteStopped(process);
    return Step::done();
  }
  process.tracer = 0;
  if (tracer == 0) return Step::blocked();
  return hold(tracer, [&](Process& held) {
    if (isCoveredAndStopped(members, held, slice)) process.tracer = tracer;
    return Step::blocked();
  });
}

/// Whether the process, which is held, is in a group that is covered, and stopped.
bool GroupProbe::isCoveredAndStopped(MemberList& members, Process& held, const Slice& slice) {
  Pid group = 0;
  ProcessState state = ProcessState::Unknown;
  const int error = verified(groups_.processes(), held, [&] {
    group = table_.groupOf(held.pid);
    ThreadScan scan;
    state = table_.probe(held.pid, scan, {slice.ticket}).value_or(ProcessState::Unknown);
    return 0;
  });
  return error == 0 && state == ProcessState::Stopped && isCovered(members, group);
}

/// Takes hold of whatever has the pid now, for as long as it is used. Blocked where that is not possible.
template <typename Use>
Step GroupProbe::hold(Pid pid, Use use) {
  HeldProcess held(groups_.processes(), pid);
  if (held.isHeld()) return use(held.process());
  Failures refused = held.refused();
  std::erase_if(refused, [](const Failure& failure) { return failure.code != FailureCode::ResourceExhausted; });
  return refused.empty() ? Step::blocked() : Step::failed(std::move(refused));
}

/// Signals that process alone. To signal a large group as a whole takes long, and it would be done once for each
/// process that is awake. Without pidfds there is the gap that `StartTimeControl` has, as for members. Done where the
/// group is gone: then a foreign one has its number, and the process is of that one.
Step GroupProbe::stopAgain(MemberList& members, const GroupProcess& process) {
  return hold(process.pid, [&](Process& held) {
    const int left =
        verified(groups_.processes(), held, [&] { return table_.groupOf(process.pid) == process.group ? 0 : ESRCH; });
    if (left != 0) return Step::blocked();
    // Asked last, so that the group which was read is known to be the member's.
    const Member* const leader = members.find(process.group);
    const int error = leader == nullptr ? ESRCH : groups_.check(leader->process);
    if (error == ESRCH) return Step::done();
    if (isOutOfResources(error)) return Step::failed({readFailure(process.group, error)});
    Member member{.process = held, .stop = process.stop};
    if (error != 0 || !oneByOne_.stopAgain(member)) return Step::blocked();
    resent_.insert_or_assign(process.pid, process.group);
    // It may have left the group just before the signal, and then no thaw of the group would reach it.
    const Pid now = table_.groupOf(process.pid);
    if (now == 0 || isCovered(members, now)) return Step::blocked();
    groups_.processes().send(held, Signal::Continue);
    return Step::done();
  });
}

/// Whether the number is that of a member's group.
bool GroupProbe::isCovered(MemberList& members, Pid group) const noexcept {
  const Member* const member = members.find(group);
  return member != nullptr && groups_.check(member->process) == 0;
}

/// It may only seem to have exited, for a moment, when one of its threads calls execve(2) and takes over its number.
Step GroupProbe::confirmExit(Pid pid) {
  return hold(pid, [&](Process& held) {
    if (!groups_.processes().checkExited(held)) return Step::blocked();
    settled_.insert(pid);
    return Step::done();
  });
}

}  // namespace freeze_state

#pragma once

#include <cstdint>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

namespace freeze_state {

/// A process id as the kernel counts it: 32 bits, signed. Not `pid_t`, which Windows lacks.
using Pid = std::int32_t;

/// What is handed over as a pid where a value was no whole number: `NotAPid`.
inline constexpr std::int64_t kNotAPid = std::numeric_limits<std::int64_t>::min();

/// Why an operation failed; lib/failures.ts makes an error of each.
enum class FailureCode : std::uint8_t {
  NoPidConfigured,
  ProcessNotFound,
  PermissionDenied,
  UnsupportedPlatform,
  SignalFailed,
  ResourceExhausted,
  Closed,
  // Reasons why a value is no pid of a member.
  NotAPid,        ///< no whole number
  PidOutOfRange,  ///< outside 2..2^31-1: kill(2) takes 0 and below for groups, and 1 is init
  OwnPid,         ///< ourselves
  OwnGuardian,    ///< our guardian (os/guardian.h), which must run when we cannot
  KernelThread,   ///< a thread of the kernel, which takes no signal
  ThreadId,       ///< a thread that does not lead its process
  // Reasons why a pid is none for its mode.
  NotGroupLeader,  ///< a process group's member must be the one it is named after
  OwnGroup,        ///< the group that we are in
  OwnAncestor,     ///< a process whose tree has us in it
  // Reasons why a tree could not be stopped.
  NeverStopped,  ///< it was signalled, still runs, and may fork again
  Unreadable,    ///< /proc does not show the process to us, so its children cannot be known
  // Reasons why a control group cannot be used; `path` is the group's.
  CgroupNotMounted,
  CgroupNotPermitted,
  CgroupReadOnly,
  CgroupMissing,      ///< no cgroup of version 2, or one that cannot be frozen, as the root of the hierarchy
  CgroupThreaded,     ///< it takes threads and no processes
  CgroupControllers,  ///< it has controllers enabled for those below it, and so takes no processes
  CgroupOurs,         ///< we are in it, so we would freeze ourselves
  CgroupFrozen,       ///< it, or a group above it, was frozen by others: not ours to thaw
  CgroupUnseen,       ///< where the process is, the mount at `path` does not show, so it could not be moved back
  CgroupHeld,         ///< another state has the process in its group, which `path` is
  CgroupLeft,         ///< the member was moved out of it by others
  CgroupGone,         ///< it was removed since by others
  CgroupFailed,       ///< `error` says it
  // Why there is no guardian.
  GuardianMissing,  ///< no program at `path`
  GuardianFailed,   ///< `call` answered with `error`
  GuardianBlind,    ///< it is in another namespace, `call` says of what, and cannot tell our members from others
  GuardianWeak,     ///< it lacks capabilities that we have, and could not continue all that we may stop
};

/// The code as it is spelled above: how lib/native.ts knows it.
const char* nameOf(FailureCode code) noexcept;

/// One reason, with what a person needs to act on it. The core throws nothing; it returns these.
struct Failure {
  FailureCode code;
  Pid pid = 0;             ///< the process concerned, or 0
  int error = 0;           ///< errno(3), or 0
  const char* call = "";   ///< the system call that answered with `error`; a literal
  bool isStopped = false;  ///< the process still is stopped by us: it refused to be continued
  // GCC warns of initializers that leave it out, unless it has one here.
  std::string path = {};  ///< the file concerned, or empty  NOLINT(readability-redundant-member-init)
};

/// Empty is success, and empty allocates nothing. More than one is what the facade calls `Multiple`.
using Failures = std::vector<Failure>;

/// Adds the failures of one step to those of the steps before it.
inline void append(Failures& failures, Failures&& more) {
  failures.insert(failures.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace freeze_state

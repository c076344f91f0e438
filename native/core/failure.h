#pragma once

#include <cerrno>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

namespace freeze_state {

/// A process id as the kernel counts it: 32 bits, signed. Not `pid_t`, which Windows lacks.
using Pid = std::int32_t;

/// Passed as a pid where the caller's value was not a whole number. It is refused with `NotAPid`.
inline constexpr std::int64_t kNotAPid = std::numeric_limits<std::int64_t>::min();

/// Why an operation failed; lib/failures.ts makes an error of each, and docs/errors.md describes them for users.
enum class FailureCode : std::uint8_t {
  NoPidConfigured,
  ProcessNotFound,
  PermissionDenied,
  UnsupportedPlatform,
  SignalFailed,
  ResourceExhausted,
  Closed,
  // Reasons why a value cannot be the pid of a member.
  NotAPid,        ///< the value is not a whole number
  PidOutOfRange,  ///< outside 2..2^31-1: kill(2) takes 0 and below for groups, and 1 is init
  OwnPid,         ///< the pid of this process
  OwnGuardian,    ///< the pid of our guardian (os/guardian.h), which must run when we cannot
  KernelThread,   ///< a thread of the kernel, which takes no signal
  ThreadId,       ///< a thread that is not the first of its process
  // Reasons why a process cannot be a member in its mode.
  NotGroupLeader,  ///< mode `ProcessGroup`: it does not lead a process group
  OwnGroup,        ///< mode `ProcessGroup`: it leads the group that we are in
  OwnAncestor,     ///< we descend from it, so we would stop ourselves
  // Reasons why a tree could not be stopped.
  NeverStopped,  ///< the process was sent SIGSTOP, still runs, and may fork again
  Unreadable,    ///< /proc does not show the process to us, so its children are unknown
  // Reasons why a control group cannot be used; `path` is its directory.
  CgroupNotMounted,    ///< no hierarchy of version 2 is mounted, or none that shows it
  CgroupNotPermitted,  ///< EACCES or EPERM
  CgroupReadOnly,      ///< its file system is mounted read-only
  CgroupMissing,       ///< it is not a cgroup of version 2, or has no cgroup.freeze; the root of the hierarchy has none
  CgroupThreaded,      ///< it takes threads and no processes (cgroup.type)
  CgroupControllers,   ///< it has controllers enabled for its children (cgroup.subtree_control), so it takes no process
  CgroupOurs,          ///< we, or our guardian, are in it, so we would freeze ourselves
  CgroupFrozen,        ///< it or an ancestor was frozen by a foreign process or another state, which has to thaw it
  CgroupUnseen,        ///< the mount at `path` does not show the process's cgroup, which it has to go back to
  CgroupHeld,          ///< another of our states has taken the process into the cgroup at `path`
  CgroupLeft,          ///< a foreign process has moved the member out of it
  CgroupGone,          ///< a foreign process has removed it
  CgroupFailed,        ///< any other `error`
  // Reasons why there is no guardian.
  GuardianMissing,  ///< there is no program at `path`
  GuardianFailed,   ///< `call` answered with `error`
  GuardianBlind,    ///< it is in another namespace, which `call` names, and cannot tell our members from others
  GuardianWeak,     ///< it lacks capabilities that we have, and could not continue all that we may stop
  GuardianDenied,   ///< its user may not thaw the control group at `path`, which we have opened as another user
};

/// The name of the code as it is spelled above, which lib/native.ts uses too. A literal; "" for a value that is no
/// code.
const char* nameOf(FailureCode code) noexcept;

/// One reason, with what a person needs to act on it. The core throws nothing; it returns these. Name the fields to
/// make one, or call a named function such as `readFailure`; never rely on the order of the fields.
struct Failure {
  FailureCode code;
  Pid pid = 0;             ///< the process concerned, or 0
  int error = 0;           ///< errno(3), or 0
  const char* call = "";   ///< the system call that answered with `error`; a literal
  bool isStopped = false;  ///< it could not be continued: the process, or the group at `path`, is still stopped by us
  // GCC warns of designated initializers that omit this field, unless it has a default here.
  std::string path = {};  ///< the file concerned, or empty  NOLINT(readability-redundant-member-init)
};

/// Whether an errno(3) means that we are out of descriptors or memory. It then says nothing about the process or file
/// that the call was about.
constexpr bool isOutOfResources(int error) noexcept { return error == EMFILE || error == ENFILE || error == ENOMEM; }

/// Empty means success, and allocates nothing. The facade makes a `MultipleFreezeError` of more than one.
using Failures = std::vector<Failure>;

/// Adds the failures of one step to those of the steps before it.
inline void append(Failures& failures, Failures&& more) {
  failures.insert(failures.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace freeze_state

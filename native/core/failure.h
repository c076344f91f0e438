#pragma once

#include <cstdint>
#include <vector>

namespace freeze_state {

/// A process id as the kernel counts it: 32 bits, signed. Not `pid_t`, which Windows lacks.
using Pid = std::int32_t;

/// Why an operation failed. Each has an error class of the same name in lib/errors.ts.
enum class FailureCode : std::uint8_t {
  NoPidConfigured,
  ProcessNotFound,
  PermissionDenied,
  UnsupportedPlatform,
  SignalFailed,
  InvalidPid,
  ResourceExhausted,
  Closed,
};

/// One reason, with what a person needs to act on it. The core throws nothing; it returns these.
struct Failure {
  FailureCode code;
  Pid pid = 0;             ///< the process concerned, or 0
  int error = 0;           ///< errno(3), or 0
  const char* call = "";   ///< the system call that answered with `error`; a literal
  bool isStopped = false;  ///< the process still is stopped by us: it refused to be continued
};

/// Empty is success, and empty allocates nothing. More than one is what the facade calls `Multiple`.
using Failures = std::vector<Failure>;

}  // namespace freeze_state

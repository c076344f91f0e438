#pragma once

#include "../os/ledger.h"
#include "../os/process_control.h"

namespace freeze_state {

/// What we did to a process to stop it, and what we saw of it since.
struct StopMarks {
  bool isSent = false;            ///< our SIGSTOP reached it, and no SIGCONT of ours has followed
  bool wasStoppedBefore = false;  ///< it was stopped before; noted for a confirmation, and in trees
  bool isSeen = false;            ///< all its threads were seen stopped since then
  unsigned timesAwake = 0;        ///< how many probes since our SIGSTOP have found it awake
  ThreadScan scan = {};           ///< of the probe in progress

  /// It is stopped or about to be, by us or by another process, and was not seen stopped yet.
  bool isPending() const noexcept { return (isSent || wasStoppedBefore) && !isSeen; }
};

/// A process that a freeze covers.
struct Member {
  Process process;
  StopMarks stop = {};
  // GCC warns of designated initializers that omit this field, unless it has a default here.
  // NOLINTNEXTLINE(readability-redundant-member-init)
  LedgerEntry entry = {};  ///< from the first stop on; marked while it may be stopped by us
  // NOLINTNEXTLINE(readability-redundant-member-init)
  LedgerEntry ending = {};  ///< from its registration on, where it is to end with this process

  Pid pid() const noexcept { return process.pid; }
  bool hasExited() const noexcept { return process.hasExited; }
  /// Whether the guardian finds it if we die. It does not where the ledger has no room, or nothing identifies the
  /// process.
  bool isRecorded() const noexcept { return !entry.isEmpty() || !ending.isEmpty(); }
  /// All its threads were seen stopped since our SIGSTOP, or it has exited.
  bool isQuiescent() const noexcept { return hasExited() || stop.isSeen; }
};

}  // namespace freeze_state

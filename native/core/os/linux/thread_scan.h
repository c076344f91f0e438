#pragma once

#include <optional>

#include "../process_control.h"
#include "process_files.h"

/// What a process does, of all its threads.
namespace freeze_state::procfs {

/// `Gone` where there is no such task; `Unknown` where /proc cannot tell.
ProcessState probe(Pid pid) noexcept;

/// Probes in steps: nothing where the end of the slice cut it short; the next call continues where `scan` says.
std::optional<ProcessState> probe(Pid pid, ThreadScan& scan, const Slice& slice) noexcept;

/// The same of a process that is held, by files that stay open for the next probe. Where it finds all of it stopped, it
/// notes there that the process is quiescent.
std::optional<ProcessState> probe(ProcessFiles& files, ThreadScan& scan, const Slice& slice) noexcept;

}  // namespace freeze_state::procfs

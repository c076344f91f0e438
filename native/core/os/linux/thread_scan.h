#pragma once

#include <optional>

#include "../process_control.h"
#include "process_files.h"

/// What a process does, with all its threads.
namespace freeze_state::procfs {

/// `Gone` where there is no such task; `Unknown` where /proc cannot tell.
ProcessState probe(Pid pid) noexcept;

/// Probes in steps. Empty where the slice cut it short; the next call continues where `scan` says.
std::optional<ProcessState> probe(Pid pid, ThreadScan& scan, const Slice& slice) noexcept;

/// The same for a process that is held, by files that stay open for the next probe. Where all threads are stopped, it
/// notes in `files` that the process is quiescent.
std::optional<ProcessState> probe(ProcessFiles& files, ThreadScan& scan, const Slice& slice) noexcept;

}  // namespace freeze_state::procfs

#pragma once

namespace freeze_state::guardian {

/// Continues all that the ledger marks, after a check that each process, group and control group still is the one that
/// was recorded; but for what is to end. Doing it again does no harm: it continues what has been stopped since by the
/// same mark.
void thaw();

/// Removes the control groups that the emulator made, with those that are below, if no process is in any of them. Waits
/// a moment for those that were killed.
void removeOwnedCgroups();

}  // namespace freeze_state::guardian

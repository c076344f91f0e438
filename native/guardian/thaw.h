#pragma once

namespace freeze_state::guardian {

/// Continues all that the ledger marks, except what is to end with the emulator. Checks first that each process, group
/// and control group still is the recorded one. Calling it again does no harm; it continues what has been stopped since
/// under the same mark.
void thaw();

/// Removes each control group that the emulator made, with those below it, if no process is in any of them. Waits a
/// second at most for processes that were killed.
void removeOwnedCgroups();

}  // namespace freeze_state::guardian

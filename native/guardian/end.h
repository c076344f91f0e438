#pragma once

namespace freeze_state::guardian {

/// Kills all processes that the ledger says are to end with the emulator, and their descendants: those that are
/// recorded, those in a recorded process group or control group, and those that have a recorded tag in their
/// environment. Without a /proc of our pid namespace only those that are recorded are found, and those in a recorded
/// group. Each is verified before each signal. The process with the pid `emulator` is left alone, since another
/// program may run in it now (execve(2)). Returns false where nothing is to end. Calling it again does no harm.
bool end(int emulator);

}  // namespace freeze_state::guardian

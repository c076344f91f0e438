#pragma once

namespace freeze_state::guardian {

/// Kills all that the ledger says is to end with the emulator, and all descendants of that: what is recorded, what is
/// in a recorded group or control group, and what has a recorded tag in its environment. Each is verified before each
/// signal. `emulator` is left alone: by that number another program may run on (execve(2)). False where there is
/// nothing of the kind. Doing it again does no harm.
bool end(int emulator);

}  // namespace freeze_state::guardian

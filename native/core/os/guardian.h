#pragma once

#include <string>

#include "../failure.h"
#include "ledger.h"

/// A tiny program that outlives this process for a moment, and continues what the ledger marks then. Each process has
/// one, which sleeps until we die. What the kernel does for it, and what it cannot do, is in docs/guardian.md.
namespace freeze_state::guardian {

/// Sets the file of the program. Call it before the first `start`; later it does nothing.
void setProgram(std::string path);

/// Begins to start it, if that was not done before; `Ledger::awaitReader` waits for it. The first call of a process
/// starts a thread that has the guardian replaced where it is killed, or where our credentials change. Returns the
/// ledger; null where there is none. Any thread.
Ledger* start() noexcept;

/// What is known of it.
struct Status {
  Pid pid = 0;  ///< 0 where none runs
  bool isStarting = false;
  Failures why;  ///< why none runs, or why the one that runs could not be replaced or may not thaw all
};
/// What is known of the guardian now. Until the first one is ready or has failed, `why` tells only whether the program
/// can be executed. Any thread.
Status status();

/// Its pid, or 0 where none runs. Takes no lock; any thread.
Pid pid() noexcept;

/// Whether one runs that can thaw whatever the ledger marks.
bool isWhole() noexcept;

}  // namespace freeze_state::guardian

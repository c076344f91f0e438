#pragma once

#include <string>

#include "../failure.h"
#include "ledger.h"

/// A tiny program that outlives this process for a moment, and continues what the ledger marks then. One a process; it
/// sleeps until we die. What the kernel does for it, and what it cannot do, is in docs/guardian.md.
namespace freeze_state::guardian {

/// The file of the program. To be called before the first `start`.
void setProgram(std::string path);

/// Begins to start it, if that was not done before; `Ledger::awaitReader` waits for it. The first call of a process
/// starts a thread that has the guardian replaced where it is killed, or where our credentials change. Returns the
/// ledger; null where there is none. Any thread.
Ledger* start() noexcept;

/// What is known of it.
struct Status {
  Pid pid = 0;  ///< 0 where none runs
  bool isStarting = false;
  Failures why;  ///< why none runs; or why the one that runs is not of the user that we have by now
};
/// Before it is ready: whether the program can be executed.
Status status();

/// Its pid, or 0; takes no lock.
Pid pid() noexcept;

/// Whether one runs that can thaw whatever the ledger marks.
bool isWhole() noexcept;

}  // namespace freeze_state::guardian

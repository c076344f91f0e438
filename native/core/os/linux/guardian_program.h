#pragma once

#include <string>

#include "../../failure.h"
#include "../file_descriptor.h"

/// One run of the guardian's program (native/guardian), as the thread that started it has it.
namespace freeze_state::guardian {

struct Run {
  FileDescriptor socket;  ///< each end of it tells the other of its death; none where nothing runs
  FileDescriptor handle;  ///< its pidfd
  Pid pid = 0;
  Failures why;  ///< why it is of no use to us, or (`GuardianDenied`) not for all
};

/// Starts the program and waits until it is ready, for two seconds at most. Where that fails, `why` says so, and the
/// caller still has to end the run by `retire`. It allocates nothing where all goes well.
Run startProgram(const std::string& program, int ledgerFd);

/// Orders it to end without a thaw, and waits for that as `reap` does.
void retire(Run& run) noexcept;

/// Orders it to take on the user and groups of this thread, as far as it may. For a guardian that could not be
/// replaced.
void changeUser(const Run& run) noexcept;

/// Waits for its end, which has begun, for a second at most, and closes what the run holds. Where orphans are given to
/// us, as to the first process of a container, this reaps it; without pidfds it is not reaped.
void reap(Run& run) noexcept;

/// Moves a descriptor to a number from 10 on, or answers with none. The lower numbers stay free: a spawned program
/// takes its descriptors there, and the standard ones belong to whatever a library prints in this thread.
FileDescriptor aside(FileDescriptor file) noexcept;

}  // namespace freeze_state::guardian

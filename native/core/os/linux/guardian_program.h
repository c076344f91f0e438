#pragma once

#include <string>

#include "../../failure.h"

/// One run of the guardian's program (native/guardian), as the thread that started it has it.
namespace freeze_state::guardian {

struct Run {
  int socket = -1;  ///< each end of it tells the other of its death; -1 where nothing runs
  int handle = -1;  ///< its pidfd
  Pid pid = 0;
  Failures why;  ///< why it is of no use to us, or (`GuardianDenied`) not for all
};

/// Starts the program and waits until it is ready, for two seconds at most. It allocates nothing where all goes well.
Run startProgram(const std::string& program, int ledgerFd);

/// Has it end without a thaw.
void retire(Run& run) noexcept;

/// Has it take on our user and group, where it may: for one that another cannot replace.
void changeUser(const Run& run) noexcept;

/// Waits for its end, which has begun. Where orphans are given to us, as to the first process of a container, we must
/// reap it; without pidfds it is not reaped.
void reap(Run& run) noexcept;

/// Moves a descriptor out of the way. What comes below stays free: a spawned program takes its descriptors there, and
/// the standard ones belong to whatever a library prints in this thread.
int aside(int fd) noexcept;

}  // namespace freeze_state::guardian

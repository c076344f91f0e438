#pragma once

#include <optional>

#include "../../failure.h"

namespace freeze_state {

/// Whether the number is the id of a thread that does not lead its process. Asks tgkill(2) with signal 0, which finds a
/// thread by its own id and that of its process, and needs no /proc. False where nothing has the number. Empty where a
/// seccomp filter forbids the question, and /proc does not tell either.
std::optional<bool> isThreadId(Pid pid) noexcept;

/// Whether a signal to the number could reach ourselves: it is our pid, or the id of a thread, or cannot be told from
/// one. The pid of a child of ours is safe until the child is reaped.
bool mayBeOurs(Pid pid) noexcept;

}  // namespace freeze_state

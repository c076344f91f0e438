#pragma once

#include <optional>

#include "../../failure.h"

namespace freeze_state {

/// Whether the number is the id of a thread that does not lead its process. By tgkill(2) with no signal, which finds a
/// thread by its own id and that of its process, and needs no /proc. False where nothing has the number. Nothing where
/// a seccomp filter forbids to ask, and /proc does not tell either.
std::optional<bool> isThreadId(Pid pid) noexcept;

/// Whether a signal to the number could be one to ourselves: it is ours, or the id of a thread, or cannot be told from
/// one. That of a child of ours is its own until it is reaped.
bool mayBeOurs(Pid pid) noexcept;

}  // namespace freeze_state

#pragma once

#include <chrono>

namespace freeze_state {

/// The time, by the steady clock, at which work that is done in steps has to pause.
using Deadline = std::chrono::steady_clock::time_point;

/// For work that runs to its end in one call.
constexpr Deadline kNoDeadline = Deadline::max();

/// Whether the deadline has passed. Never so for `kNoDeadline`.
inline bool hasPassed(Deadline until) noexcept {
  return until != kNoDeadline && std::chrono::steady_clock::now() >= until;
}

}  // namespace freeze_state

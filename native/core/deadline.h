#pragma once

#include <chrono>

namespace freeze_state {

/// When a piece of work that is done in steps has to pause.
using Deadline = std::chrono::steady_clock::time_point;

/// For work that is done without a pause.
constexpr Deadline kNoDeadline = Deadline::max();

inline bool hasPassed(Deadline until) noexcept {
  return until != kNoDeadline && std::chrono::steady_clock::now() >= until;
}

}  // namespace freeze_state

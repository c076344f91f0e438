#pragma once

#include <chrono>

namespace freeze_state {

/// Until when a piece of work that is done bit by bit may go on.
using Deadline = std::chrono::steady_clock::time_point;

/// For work that is to be done in one go.
constexpr Deadline kWholly = Deadline::max();

inline bool hasPassed(Deadline until) noexcept { return until != kWholly && std::chrono::steady_clock::now() >= until; }

}  // namespace freeze_state

#pragma once

#include <chrono>

namespace freeze_state {

/// What every wait and every budget is measured by: CLOCK_MONOTONIC on Linux.
using Clock = std::chrono::steady_clock;

/// The time at which work that is done in steps has to pause.
using Deadline = Clock::time_point;

/// For work that runs to its end in one call.
constexpr Deadline kNoDeadline = Deadline::max();

/// Whether the deadline has passed. Never so for `kNoDeadline`.
inline bool hasPassed(Deadline until) noexcept { return until != kNoDeadline && Clock::now() >= until; }

}  // namespace freeze_state

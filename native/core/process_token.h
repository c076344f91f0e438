#pragma once

#include <cstdint>

namespace freeze_state {

/// Tells this process, and this copy of the library in it, from every other: random, never 0.
std::uint64_t processToken() noexcept;

}  // namespace freeze_state

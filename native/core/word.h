#pragma once

#include <cstdint>

/// The whole state in one 64-bit word: `epoch << 1 | frozen`.
///
/// A freeze sets bit 0, a thaw moves on to the next even number, closing moves to the last one. So the word only
/// grows, and it serves at once as the state, as the version that a waiter compares, and as the ticket that a freeze
/// is checked against. There is no second flag and no second counter that could disagree with it.
namespace freeze_state::word {

/// The largest epoch that a JavaScript number carries exactly (`Number.MAX_SAFE_INTEGER`).
inline constexpr std::uint64_t kMaxEpoch = (std::uint64_t{1} << 53) - 1;

/// The word of a closed state: even, so it reads as running, and above every other, so nothing follows it.
inline constexpr std::uint64_t kClosed = ~std::uint64_t{1};

constexpr std::uint64_t running(std::uint64_t epoch) noexcept { return epoch << 1; }
constexpr std::uint64_t frozen(std::uint64_t epoch) noexcept { return epoch << 1 | 1; }
constexpr std::uint64_t epochOf(std::uint64_t word) noexcept { return word >> 1; }
constexpr bool isFrozen(std::uint64_t word) noexcept { return (word & 1) != 0; }

/// The word that a thaw moves to: the next even number. Not defined for `kClosed`.
constexpr std::uint64_t thawed(std::uint64_t word) noexcept { return (word | 1) + 1; }

/// The state as JavaScript gets it, in one number that is exact for every epoch: the epoch while running, and
/// `-1 - epoch` while frozen. Not defined for `kClosed`.
constexpr double toNumber(std::uint64_t word) noexcept {
  const auto epoch = static_cast<double>(epochOf(word));
  return isFrozen(word) ? -1 - epoch : epoch;
}

/// The word that such a number stands for: the inverse of `toNumber`.
constexpr std::uint64_t fromNumber(double number) noexcept {
  return number < 0 ? frozen(static_cast<std::uint64_t>(-1 - number)) : running(static_cast<std::uint64_t>(number));
}

}  // namespace freeze_state::word

#include "process_token.h"

#include <random>

namespace freeze_state {

std::uint64_t processToken() noexcept {
  static const std::uint64_t token = [] {
    std::random_device random;
    return (std::uint64_t{random()} << 32 | random()) | 1;
  }();
  return token;
}

}  // namespace freeze_state

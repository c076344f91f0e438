#pragma once

#include <chrono>
#include <thread>

namespace freeze_state::test {

/// Waits until the condition holds, asking often. False once the deadline has passed, which is far beyond what a
/// loaded machine under a sanitizer needs.
template <typename Condition>
bool waitUntil(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds(30)) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return true;
}

}  // namespace freeze_state::test

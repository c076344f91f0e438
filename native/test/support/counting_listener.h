#pragma once

#include <atomic>

#include "../../core/state/listener.h"

namespace freeze_state::test {

/// Counts the changes it hears of, in any thread.
class CountingListener final : public Listener {
 public:
  void stateChanged() noexcept override { ++heard; }
  std::atomic<int> heard{0};
};

}  // namespace freeze_state::test

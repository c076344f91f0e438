#include "../signal_loop.h"

#include "../child_stops.h"

namespace freeze_state {

SignalLoop::SignalLoop(const LoopOptions& options, std::size_t processes) noexcept {
  child_stops::quiet();
  if (options.boost && processes >= kMany) before_ = real_time::enter();
}

SignalLoop::~SignalLoop() {
  if (before_.isChanged()) real_time::leave(before_);
}

bool SignalLoop::canBoost() noexcept {
  const real_time::Before before = real_time::enter();
  if (before.isChanged()) real_time::leave(before);
  return before.isChanged();
}

}  // namespace freeze_state

#pragma once

#include <string>

#include "../../failure.h"

namespace freeze_state::guardian {

/// What the keeper of the guardian is told to do.
struct KeeperOrders {
  const std::string& program;  ///< has to live until the process ends
  int ledgerFd;                ///< the keeper's own once it was started
  /// Called in the keeper's thread whenever it has tried to start one, and when one has ended. `running` is the
  /// guardian's pid, or 0 where none runs. A pid with a reason: that guardian could not be replaced, or may not thaw
  /// every control group.
  void (*tell)(Pid running, Failures why);
};

/// Starts the keeper, a thread that keeps a guardian running until the process ends. It replaces a guardian that was
/// killed, and one whose user is not ours any more. Returns 0, or the errno(3) of pthread_create(3).
int startKeeper(const KeeperOrders& orders) noexcept;

}  // namespace freeze_state::guardian

#pragma once

#include <string>

#include "../../failure.h"

namespace freeze_state::guardian {

/// What the keeper of the guardian is told to do.
struct KeeperOrders {
  const std::string& program;  ///< outlives this process's last thread
  int ledgerFd;                ///< the keeper's own from now on
  /// Called whenever that changes. 0: none runs. Any other, with a reason: it could not be replaced.
  void (*tell)(Pid running, Failures why);
};

/// Starts the keeper: a thread that keeps a guardian running until the process ends. It replaces a guardian that was
/// killed, and one whose user is not ours any more. Returns 0, or the errno(3).
int startKeeper(const KeeperOrders& orders) noexcept;

}  // namespace freeze_state::guardian

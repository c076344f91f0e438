#include "exit_watch.h"

namespace freeze_state {

std::unique_ptr<ExitWatch> ExitWatch::begin(const std::vector<Pid>& /*pids*/, std::function<void()> /*allGone*/) {
  return nullptr;
}

}  // namespace freeze_state

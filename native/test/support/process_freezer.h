#pragma once

#include <memory>

#include "../../core/modes/process.h"

namespace freeze_state::test {

/// The freezer of a state in mode `Process`, with a control of the test's own.
inline std::unique_ptr<Freezer> processFreezer(ProcessControl& control, const LoopOptions& options = {}) {
  return std::make_unique<ProcessFreezer>(options, control);
}

}  // namespace freeze_state::test

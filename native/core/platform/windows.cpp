#include "../modes/none.h"
#include "../modes/process.h"
#include "../os/process_control.h"
#include "platform.h"

namespace freeze_state {

FreezerResult makeFreezer(Mode mode, const LoopOptions& options, const CgroupPlace& /*cgroup*/, OnDeath /*onDeath*/) {
  if (mode == Mode::None) return {std::make_unique<NoneFreezer>(systemControl()), {}};
  if (mode == Mode::Cgroup) return {nullptr, whyNotMode(mode)};
  // Its control supports nothing, and says so at the first freeze.
  return {std::make_unique<ProcessFreezer>(options, systemControl()), {}};
}

Failures whyNotMode(Mode mode) {
  if (mode == Mode::None) return {};
  return {{mode == Mode::Cgroup ? FailureCode::CgroupNotMounted : FailureCode::UnsupportedPlatform}};
}

}  // namespace freeze_state

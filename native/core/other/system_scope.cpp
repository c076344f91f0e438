#include "../system_scope.h"

#include "../none_scope.h"
#include "../process_scope.h"
#include "../signaller.h"

namespace freeze_state {

ScopeResult systemScope(Mode mode, const LoopOptions& options, const CgroupPlace& /*cgroup*/) {
  if (mode == Mode::None) return {std::make_unique<NoneScope>(systemSignaller()), {}};
  if (mode == Mode::Cgroup) return {nullptr, whyNotMode(mode)};
  // Its signaller supports nothing, and says so at the first freeze.
  return {std::make_unique<ProcessScope>(options, systemSignaller()), {}};
}

Failures whyNotMode(Mode mode) {
  if (mode == Mode::None) return {};
  return {{mode == Mode::Cgroup ? FailureCode::CgroupNotMounted : FailureCode::UnsupportedPlatform}};
}

}  // namespace freeze_state

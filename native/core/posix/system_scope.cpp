#include "../system_scope.h"

#include "../none_scope.h"
#include "../other/no_family.h"
#include "../process_scope.h"
#include "../tree_scope.h"
#include "group_signaller.h"

namespace freeze_state {

ScopeResult systemScope(Mode mode, const LoopOptions& options, const CgroupPlace& /*cgroup*/) {
  // Never destroyed: states may outlive the static objects of this library at exit.
  static Signaller& groups = *new GroupSignaller(systemSignaller());
  switch (mode) {
    case Mode::None: return {std::make_unique<NoneScope>(systemSignaller()), {}};
    case Mode::Process: return {std::make_unique<ProcessScope>(options, systemSignaller()), {}};
    case Mode::ProcessGroup: return {std::make_unique<ProcessScope>(options, groups), {}};
    case Mode::ProcessTree:
      return {std::make_unique<TreeScope>(options, systemSignaller(), std::make_unique<NoFamily>()), {}};
    case Mode::Cgroup: break;
  }
  return {nullptr, whyNotMode(mode)};
}

Failures whyNotMode(Mode mode) {
  if (mode == Mode::ProcessTree) return {{FailureCode::UnsupportedPlatform}};
  if (mode == Mode::Cgroup) return {{FailureCode::CgroupNotMounted}};
  return {};
}

}  // namespace freeze_state

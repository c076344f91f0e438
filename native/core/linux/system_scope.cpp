#include "../system_scope.h"

#include "../none_scope.h"
#include "../process_scope.h"
#include "../tree_scope.h"
#include "cgroup_scope.h"
#include "group_scope.h"
#include "proc_family.h"
#include "proc_group_signaller.h"

namespace freeze_state {

namespace {

// Never destroyed: states may outlive the static objects of this library at exit.
Signaller& groupSignaller() {
  static Signaller& only = *new ProcGroupSignaller(systemSignaller());
  return only;
}

std::unique_ptr<Family> systemFamily() { return std::make_unique<ProcFamily>(ProcFamily::bestMeans()); }

}  // namespace

ScopeResult systemScope(Mode mode, const LoopOptions& options, const CgroupPlace& cgroup) {
  switch (mode) {
    case Mode::None: break;
    case Mode::Process: return {std::make_unique<ProcessScope>(options, systemSignaller()), {}};
    case Mode::ProcessGroup: return {std::make_unique<GroupScope>(options, groupSignaller()), {}};
    case Mode::ProcessTree: return {std::make_unique<TreeScope>(options, systemSignaller(), systemFamily()), {}};
    case Mode::Cgroup: return CgroupScope::make(cgroup, options, systemSignaller());
  }
  return {std::make_unique<NoneScope>(systemSignaller()), {}};
}

Failures whyNotMode(Mode mode) {
  if (mode == Mode::None) return {};
  if (mode == Mode::ProcessTree && !systemFamily()->isKnown()) return {{FailureCode::UnsupportedPlatform}};
  return mode == Mode::Cgroup ? CgroupFreezer::whyNot() : Failures();
}

}  // namespace freeze_state

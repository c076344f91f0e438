#include "../modes/none.h"
#include "../modes/process.h"
#include "../modes/process_group.h"
#include "../modes/tree.h"
#include "../os/group_control.h"
#include "platform.h"

namespace freeze_state {

FreezerResult makeFreezer(Mode mode, const LoopOptions& options, const CgroupPlace& /*cgroup*/, OnDeath /*onDeath*/) {
  switch (mode) {
    case Mode::None: return {std::make_unique<NoneFreezer>(systemControl()), {}};
    case Mode::Process: return {std::make_unique<ProcessFreezer>(options, systemControl()), {}};
    case Mode::ProcessGroup:
      if (systemTable().isAvailable())
        return {std::make_unique<ProcessGroupFreezer>(options, systemGroupControl(), systemTable()), {}};
      // Without a table nothing lists the processes of a group, and only its leader can be probed.
      return {std::make_unique<ProcessFreezer>(options, systemGroupControl()), {}};
    case Mode::ProcessTree: return {std::make_unique<TreeFreezer>(options, systemControl(), systemTable()), {}};
    case Mode::Cgroup: break;
  }
  return {nullptr, whyNotMode(mode)};
}

Failures whyNotMode(Mode mode) {
  if (mode == Mode::ProcessTree && !systemTable().isAvailable()) return {{FailureCode::UnsupportedPlatform}};
  if (mode == Mode::Cgroup) return {{FailureCode::CgroupNotMounted}};
  return {};
}

}  // namespace freeze_state

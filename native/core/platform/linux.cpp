#include "../modes/cgroup/freezer.h"
#include "../modes/none.h"
#include "../modes/process.h"
#include "../modes/process_group.h"
#include "../modes/tree.h"
#include "../os/linux/group_control.h"
#include "../os/linux/process_table.h"
#include "platform.h"

namespace freeze_state {

namespace {

// Never destroyed: states may outlive the static objects of this library at exit.
ProcessControl& groupControl() {
  static ProcessControl& only = *new LinuxGroupControl(systemControl());
  return only;
}

std::unique_ptr<ProcessTable> systemTable() {
  return std::make_unique<LinuxProcessTable>(LinuxProcessTable::bestMeans());
}

}  // namespace

FreezerResult makeFreezer(Mode mode, const LoopOptions& options, const CgroupPlace& cgroup) {
  switch (mode) {
    case Mode::None: break;
    case Mode::Process: return {std::make_unique<ProcessFreezer>(options, systemControl()), {}};
    case Mode::ProcessGroup: return {std::make_unique<ProcessGroupFreezer>(options, groupControl()), {}};
    case Mode::ProcessTree: return {std::make_unique<TreeFreezer>(options, systemControl(), systemTable()), {}};
    case Mode::Cgroup: return CgroupFreezer::make(cgroup, options, systemControl());
  }
  return {std::make_unique<NoneFreezer>(systemControl()), {}};
}

Failures whyNotMode(Mode mode) {
  if (mode == Mode::None) return {};
  if (mode == Mode::ProcessTree && !systemTable()->isKnown()) return {{FailureCode::UnsupportedPlatform}};
  return mode == Mode::Cgroup ? FreezeFile::whyNot() : Failures();
}

}  // namespace freeze_state

#include "../modes/cgroup/freezer.h"
#include "../modes/none.h"
#include "../modes/process.h"
#include "../modes/process_group.h"
#include "../modes/tree.h"
#include "../os/group_control.h"
#include "../os/guardian.h"
#include "../os/linux/rt_budget.h"
#include "../os/process_table.h"
#include "platform.h"

namespace freeze_state {

namespace {

/// Mode `None` stops nothing that would have to be thawed.
Ledger* ledgerFor(Mode mode, OnDeath onDeath) noexcept {
  if (onDeath == OnDeath::Nothing || (onDeath == OnDeath::Thaw && mode == Mode::None)) return nullptr;
  Ledger* const ledger = guardian::start();
  return ledger != nullptr && onDeath == OnDeath::End ? ledger->ending() : ledger;
}

FreezerResult freezerFor(Mode mode, const LoopOptions& options, const CgroupPlace& cgroup, Ledger* ledger) {
  switch (mode) {
    case Mode::None: return {std::make_unique<NoneFreezer>(systemControl()), {}};
    case Mode::Process: return {std::make_unique<ProcessFreezer>(options, systemControl(), ledger), {}};
    case Mode::ProcessGroup:
      return {std::make_unique<ProcessGroupFreezer>(options, systemGroupControl(), systemTable(), ledger), {}};
    case Mode::ProcessTree: return {std::make_unique<TreeFreezer>(options, systemControl(), systemTable(), ledger), {}};
    case Mode::Cgroup: {
      FreezerResult result;
      auto group = FreezableCgroup::make(cgroup, result.failures);
      if (group) result.freezer = std::make_unique<CgroupFreezer>(std::move(group), systemControl(), ledger);
      return result;
    }
  }
  return {nullptr, {{FailureCode::UnsupportedPlatform}}};
}

}  // namespace

FreezerResult makeFreezer(Mode mode, const LoopOptions& options, const CgroupPlace& cgroup, OnDeath onDeath) {
  // Read now and kept for this thread, so that its first freeze does not have to read it.
  if (options.boost && mode != Mode::None && mode != Mode::Cgroup) rt_budget::isSmall();
  Ledger* const ledger = ledgerFor(mode, onDeath);
  FreezerResult made = freezerFor(mode, options, cgroup, ledger);
  if (onDeath == OnDeath::End) made.ending = ledger;
  return made;
}

Failures whyNotMode(Mode mode) {
  if (mode == Mode::None) return {};
  if (mode == Mode::ProcessTree && !systemTable().isAvailable()) return {{FailureCode::UnsupportedPlatform}};
  return mode == Mode::Cgroup ? FreezableCgroup::whyNot() : Failures();
}

}  // namespace freeze_state

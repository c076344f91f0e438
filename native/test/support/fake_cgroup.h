#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "../../core/modes/cgroup/freezer.h"
#include "../../core/state/freeze_state.h"
#include "describe.h"
#include "hierarchy.h"
#include "script.h"
#include "scripted_ledger.h"

namespace freeze_state::test {

/// A state in mode `Cgroup` on directories and processes that the test plays.
struct FakeCgroup {
  explicit FakeCgroup(bool isOwned = false) { state = make(isOwned); }

  std::shared_ptr<FreezeState> make(bool isOwned = false) { return makeIn(all.group(), isOwned); }
  std::shared_ptr<FreezeState> makeIn(const std::string& path, bool isOwned) {
    Failures failures;
    auto group = FreezableCgroup::open({all.root, "/"}, path, isOwned, failures);
    REQUIRE(describe(failures).empty());
    return std::make_shared<FreezeState>(
        Mode::Cgroup, std::make_unique<CgroupFreezer>(std::move(group), script, &ledger, all.access()));
  }
  std::string placeOf(Pid pid) {
    const auto found = all.where.find(pid);
    return found == all.where.end() ? all.origin() : found->second;
  }

  Hierarchy all;
  Script script;
  ScriptedLedger ledger;
  std::shared_ptr<FreezeState> state;
};

}  // namespace freeze_state::test

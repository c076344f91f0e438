#pragma once

#include <memory>
#include <string>

#include "failure.h"
#include "mode.h"
#include "scope.h"
#include "signal_loop.h"

namespace freeze_state {

/// Which control group is to be frozen, for mode `Cgroup`. Neither: one that is made under our own.
struct CgroupPlace {
  std::string path;    ///< of one that exists; stays when we close
  std::string parent;  ///< one is made under this, and removed when we close
};

struct ScopeResult {
  std::unique_ptr<Scope> scope;  ///< null on failure
  Failures failures;
};

/// The best means that this system has for the mode. Where a mode cannot work, its scope says so when it is to stop
/// something; for mode `Cgroup`, which begins by making one, it fails here.
ScopeResult systemScope(Mode mode, const LoopOptions& options, const CgroupPlace& cgroup);

/// Whether a freeze in this mode can work here: empty if so, else why not.
Failures whyNotMode(Mode mode);

}  // namespace freeze_state

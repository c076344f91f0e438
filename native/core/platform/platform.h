#pragma once

#include <memory>

#include "../failure.h"
#include "../mode.h"
#include "../modes/freezer.h"
#include "../os/cgroup_place.h"
#include "../os/signal_loop.h"

namespace freeze_state {

struct FreezerResult {
  std::unique_ptr<Freezer> freezer;  ///< null on failure
  Failures failures;
};

/// The best means that this system has for the mode. Where a mode cannot work, its freezer says so at its first stop;
/// for mode `Cgroup`, which begins by making one, it fails here. `isGuarded`: what it stops is continued if this
/// process dies; see os/guardian.h.
FreezerResult makeFreezer(Mode mode, const LoopOptions& options, const CgroupPlace& cgroup, bool isGuarded);

/// Whether a freeze in this mode can work here: empty if so, else why not.
Failures whyNotMode(Mode mode);

}  // namespace freeze_state

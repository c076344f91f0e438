#pragma once

#include <cstdint>
#include <memory>

#include "../failure.h"
#include "../mode.h"
#include "../modes/freezer.h"
#include "../os/cgroup_place.h"
#include "../os/ledger.h"
#include "../os/signal_loop.h"

namespace freeze_state {

struct FreezerResult {
  std::unique_ptr<Freezer> freezer;  ///< null on failure
  Failures failures;
  Ledger* ending = nullptr;  ///< with `OnDeath::End`, where there is a guardian: for the members
};

/// What the guardian does with a state's processes where this process dies; see os/guardian.h.
enum class OnDeath : std::uint8_t {
  Nothing,
  Thaw,  ///< what the state has stopped
  End,   ///< all that is registered, with its descendants, stopped or not
};

/// The best means that this system has for the mode. Where a mode cannot work, its freezer says so at its first stop;
/// for mode `Cgroup`, which begins by making one, it fails here.
FreezerResult makeFreezer(Mode mode, const LoopOptions& options, const CgroupPlace& cgroup, OnDeath onDeath);

/// Whether a freeze in this mode can work here: empty if so, else why not.
Failures whyNotMode(Mode mode);

}  // namespace freeze_state

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
  Ledger* ending = nullptr;  ///< where members are entered, with `OnDeath::End` and a guardian; else null
};

/// What the guardian does with a state's processes where this process dies; see os/guardian.h.
enum class OnDeath : std::uint8_t {
  Nothing,
  Thaw,  ///< what the state has stopped
  End,   ///< all that is registered, with its descendants, stopped or not
};

/// Makes the freezer of the mode, by the best means that this system has. Where a mode cannot work, its freezer says so
/// at its first stop. Mode `Cgroup` fails here, since it has to open or make its group first.
FreezerResult makeFreezer(Mode mode, const LoopOptions& options, const CgroupPlace& cgroup, OnDeath onDeath);

/// Why a freeze in this mode cannot work here; empty if it can.
Failures whyNotMode(Mode mode);

}  // namespace freeze_state

#pragma once

#include <array>
#include <cstdint>

namespace freeze_state {

/// What a freeze covers.
enum class Mode : std::uint8_t {
  None,          ///< nothing: the epoch counts, no process is ever signalled
  Process,       ///< the registered processes
  ProcessGroup,  ///< the process groups that they lead
  ProcessTree,   ///< they and all their descendants
  Cgroup,        ///< a control group that they are moved into, and what they start in it
};

/// Every mode, in the order above.
inline constexpr std::array kAllModes{Mode::None, Mode::Process, Mode::ProcessGroup, Mode::ProcessTree, Mode::Cgroup};

}  // namespace freeze_state

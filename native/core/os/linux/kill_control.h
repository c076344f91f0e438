#pragma once

#include "../posix/kill_control.h"

namespace freeze_state {

/// Plain kill(2) on Linux without pidfds and without /proc. There kill(2) takes the id of a thread for its process, and
/// a number that was freed may be given to a thread of ours. Either way a signal could stop ourselves (G7).
class LinuxKillControl final : public KillControl {
 public:
  Failures open(Pid pid, Process& process) noexcept override;
  int send(const Process& process, Signal signal) noexcept override;
  void findExited(std::span<Process* const> processes) noexcept override;
};

}  // namespace freeze_state

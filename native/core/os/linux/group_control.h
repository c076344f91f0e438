#pragma once

#include <atomic>
#include <cstdint>

#include "../group_control.h"

namespace freeze_state {

/// Signals process groups on Linux. By PIDFD_SIGNAL_PROCESS_GROUP (pidfd_send_signal(2), Linux 6.9), where a group
/// whose number was reused cannot be hit. On older kernels by kill(2), after a check that the number still is this
/// group's.
class LinuxGroupControl final : public GroupControl {
 public:
  explicit LinuxGroupControl(ProcessControl& processes) noexcept;

  const char* sendCall() const noexcept override { return hasGroupFlag() ? "pidfd_send_signal" : "kill"; }
  Failures open(Pid pid, Process& leader) noexcept override;

 protected:
  Pid groupOf(Pid pid) const noexcept override;

 private:
  int sendNumber(const Process& group, int signal) const noexcept override;
  bool hasGroupFlag() const noexcept;

  enum class Flag : std::uint8_t { Unknown, Missing, Known };
  mutable std::atomic<Flag> flag_;  ///< what is known of PIDFD_SIGNAL_PROCESS_GROUP
};

}  // namespace freeze_state

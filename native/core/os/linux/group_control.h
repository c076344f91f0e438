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

  const char* sendCall() const noexcept override { return findFlag() == Flag::Missing ? "kill" : "pidfd_send_signal"; }
  /// Also fails with `ResourceExhausted` where the start time of the leader cannot be read.
  Failures open(Pid pid, Process& leader) noexcept override;

 protected:
  Pid groupOf(Pid pid) const noexcept override;

 private:
  enum class Flag : std::uint8_t { Unknown, Missing, Known };

  int sendNumber(const Process& group, int signal) const noexcept override;
  Flag findFlag() const noexcept;

  mutable std::atomic<Flag> flag_;  ///< what is known of PIDFD_SIGNAL_PROCESS_GROUP
};

}  // namespace freeze_state

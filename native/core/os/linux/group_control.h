#pragma once

#include "../posix/group_control.h"

namespace freeze_state {

/// The same on Linux: by PIDFD_SIGNAL_PROCESS_GROUP (pidfd_send_signal(2), Linux 6.9) where there is that, so that a
/// group whose number was reused cannot be hit; where there is not, by kill(2), after a
/// look whether the number is still this group's.
class LinuxGroupControl final : public GroupControl {
 public:
  explicit LinuxGroupControl(ProcessControl& leaders) noexcept;

  const char* sendCall() const noexcept override { return hasGroupFlag_ ? "pidfd_send_signal" : "kill"; }
  Failures open(Pid pid, Member& member) noexcept override;
  int send(const Process& process, Signal signal) noexcept override;
  /// A group that has zombies only counts as alive here: they take signals, and only /proc tells; see
  /// `ProcessGroupFreezer`.
  void findGone(std::span<Member> members) noexcept override;

 private:
  int sendNumber(const Process& process, int signal) const noexcept;

  const bool hasGroupFlag_;
};

}  // namespace freeze_state

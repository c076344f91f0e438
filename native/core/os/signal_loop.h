#pragma once

#include <cstddef>

#include "real_time.h"

namespace freeze_state {

/// What makes a loop over members cheap, and does not change what a freeze means.
struct LoopOptions {
  /// Run a loop that reaches many processes in a real-time class, where that is allowed.
  bool boost = true;
};

/// Lives for the length of one loop of signals, on the thread that runs the loop. `processes` is how many processes the
/// signals may reach: `kMany` for a process group whose processes nobody has counted.
///
/// Notices of children that stop or continue would interrupt the loop, so they are turned off first (child_stops.h).
///
/// Each signal wakes its target, which preempts the loop on its own processor. A thread in SCHED_FIFO (sched(7)) is not
/// preempted by ordinary ones. That takes CAP_SYS_NICE or an RLIMIT_RTPRIO, and without them the loop runs as it
/// is. It also runs as it is where real time is limited: a finite RLIMIT_RTTIME ends us once our loops have used it up,
/// and in a control group with a small budget they stall. The old class comes back at the end, with its timer slack.
/// Held around signals only, and never over a wait.
class SignalLoop {
 public:
  /// From about this many processes on, the class pays for a thaw, and costs a freeze nothing that can be measured.
  /// With fewer the loop itself may be shorter in it, but the targets on our processor stop or run only after the loop,
  /// and so the last of them later than without the class. bench/trials/boost.mts finds the number.
  static constexpr std::size_t kMany = 16;

  SignalLoop(const LoopOptions& options, std::size_t processes) noexcept;
  SignalLoop(const SignalLoop&) = delete;
  SignalLoop& operator=(const SignalLoop&) = delete;
  ~SignalLoop();

  /// Whether this thread may enter the real-time class that a loop runs in.
  static bool canBoost() noexcept;

 private:
  real_time::Before before_;
};

}  // namespace freeze_state

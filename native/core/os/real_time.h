#pragma once

/// The real-time class of the calling thread (sched(7)), in which a loop of signals runs.
namespace freeze_state::real_time {

/// What the thread goes back to.
struct Before {
  int policy = -1;  ///< its class; -1 where it was not changed
  int slack = -1;   ///< its timer slack, in nanoseconds

  bool isChanged() const noexcept { return policy >= 0; }
};

/// Puts the calling thread into the class, and returns what it has to go back to. The thread stays as it is where it
/// may not change, where it already is in a class that ordinary threads cannot preempt, and where real time is short.
Before enter() noexcept;

/// Leaves the class again. Only after an `enter` that has changed it, in the same thread.
void leave(const Before& before) noexcept;

}  // namespace freeze_state::real_time

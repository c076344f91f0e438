#pragma once

#include <chrono>

namespace freeze_state {

/// Hears of every change of a state, except changes by its own owner, which knows of them. Also hears of each release
/// of the last hold.
class Listener {
 public:
  /// Called under the state's lock, by the thread that made the change, whichever that is. So it must be brief, must
  /// not call the state, and is never called once `FreezeState::removeListener` has returned.
  virtual void stateChanged() noexcept = 0;

 protected:
  ~Listener() = default;
};

/// Asked now and then by a thread that is blocked in `FreezeState::waitForChange`.
class Interruption {
 public:
  /// The time from one call of `isInterrupted` to the next. Nothing wakes a thread that is being ended, so the wait has
  /// to ask.
  virtual std::chrono::milliseconds interval() const noexcept = 0;
  /// Whether the wait should be given up. Called on the blocked thread, with no lock held.
  virtual bool isInterrupted() noexcept = 0;

 protected:
  ~Interruption() = default;
};

}  // namespace freeze_state

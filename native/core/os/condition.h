#pragma once

#include <memory>
#include <mutex>

#include "../deadline.h"

namespace freeze_state {

/// A condition variable whose waits end by `Clock`, also while the time of day is being set. The standard one promises
/// the same, but not every C++ library keeps it: one that finds no pthread_cond_clockwait(3) at compile time waits
/// until a time of day, so a clock that is set back by an hour makes a wait of 100 ms last for an hour.
class Condition {
 public:
  Condition();
  ~Condition();
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

  /// Wakes all threads that wait.
  void notifyAll() noexcept;

  /// Waits until `isMet`, which is asked under the lock, or until the deadline. Returns what `isMet` says then.
  template <typename Predicate>
  bool waitUntil(std::unique_lock<std::mutex>& lock, Deadline until, Predicate isMet) {
    while (!isMet()) {
      if (hasPassed(until)) return false;
      wait(lock, until);
    }
    return true;
  }

 private:
  struct Native;

  /// Releases the lock while it waits. May return at any time.
  void wait(std::unique_lock<std::mutex>& lock, Deadline until) noexcept;

  const std::unique_ptr<Native> native_;
};

}  // namespace freeze_state

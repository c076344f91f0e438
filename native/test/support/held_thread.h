#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "../../core/failure.h"

namespace freeze_state::test {

/// A thread that a test can hold wherever it is, even where it waits for a lock: a signal takes it into a handler,
/// which it leaves when it is released. So a test decides which thread gets a lock first. One at a time.
class HeldThread {
 public:
  /// Not under the thread sanitizer: it puts off a signal that comes while the thread waits for a lock until it has the
  /// lock. Says so, where it is not possible.
  static bool isPossible();

  explicit HeldThread(std::function<void()> body);
  HeldThread(const HeldThread&) = delete;
  HeldThread& operator=(const HeldThread&) = delete;
  /// Releases it, and waits for the end.
  ~HeldThread();

  /// Waits until the thread sleeps. Where it has nothing else to wait for, it then waits for the lock. False where it
  /// does not sleep in time.
  bool comesToSleep() const;
  /// Holds the thread in the handler. False where it did not enter that in time.
  bool hold();
  static void resume() noexcept;
  void join();

 private:
  std::atomic<Pid> id_{0};
  std::thread thread_;
};

}  // namespace freeze_state::test

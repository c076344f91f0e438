#pragma once

#include <thread>

#include "../os/processor.h"
#include "../step.h"

namespace freeze_state {

/// What a thread does between two looks at processes that have not stopped yet. Used by one thread, with no lock held.
class Backoff {
 public:
  /// After a look that was not the last. As a rule processes stop within microseconds, on other processors. If neither
  /// this look nor the one before has found anything new, one may be waiting for the processor of this thread, which
  /// then sleeps, also at the end of a slice: with many processes a slice has time for one look only.
  void after(const Step& look, bool isEndOfSlice) noexcept {
    const bool wasBlocked = isBlocked_;
    isBlocked_ = look.kind == Step::Kind::Blocked;
    if (isBlocked_ && wasBlocked)
      processor::sleepBriefly();
    else if (!isEndOfSlice)
      std::this_thread::yield();
  }

 private:
  bool isBlocked_ = false;  ///< the last look has found nothing new
};

}  // namespace freeze_state

#pragma once

#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "../deadline.h"
#include "../os/processor.h"
#include "../step.h"

namespace freeze_state {

/// What a thread does between two looks at processes that have not stopped yet. Used by one thread, with no lock held.
class Backoff {
 public:
  /// As a rule processes stop within this time, on other processors. If for so long no look has found anything new, one
  /// may be waiting for the processor of this thread.
  static constexpr std::chrono::microseconds kAtOnce{50};

  /// After a look that was not the last. Yields, or sleeps once it has been too long; the latter also at the end of a
  /// slice, since with many processes a slice has time for one look only.
  void after(const Step& look, bool isEndOfSlice) noexcept {
    const Deadline now = Clock::now();
    const auto worked = now - std::exchange(lookBegan_, now);
    if (look.kind != Step::Kind::Blocked)
      blockedSince_.reset();
    else if (!blockedSince_)
      blockedSince_ = now;
    if (blockedSince_ && now - *blockedSince_ >= kAtOnce) {
      processor::sleepBriefly(worked);
      lookBegan_ = Clock::now();
    } else if (!isEndOfSlice) {
      std::this_thread::yield();
    }
  }

 private:
  Deadline lookBegan_;                    ///< about; the end of the last look, or of the sleep after it
  std::optional<Deadline> blockedSince_;  ///< the end of the first of the looks that have found nothing new
};

}  // namespace freeze_state

#pragma once

#include <atomic>
#include <cstdint>

#include "deadline.h"

namespace freeze_state {

/// Cancels work once the state has moved on: a freeze belongs to one value of the word, and a thaw moves the word
/// before it takes the lock.
class Ticket {
 public:
  Ticket(const std::atomic<std::uint64_t>& word, std::uint64_t expected) noexcept : word_(word), expected_(expected) {}
  /// Whether the word still has the value that the work belongs to. One atomic load; any thread.
  bool isCurrent() const noexcept { return word_.load() == expected_; }

 private:
  const std::atomic<std::uint64_t>& word_;
  const std::uint64_t expected_;
};

/// How long work that is done in steps may continue. The work checks it between any two steps. So a thaw waits for one
/// step at most (G6), and an event loop until the deadline and one step more.
struct Slice {
  const Ticket* ticket = nullptr;  ///< null: nothing cancels it
  Deadline until = kNoDeadline;    ///< when the work has to pause

  bool isCancelled() const noexcept { return ticket != nullptr && !ticket->isCurrent(); }
  /// Whether the work has to end or to pause here.
  bool isOver() const noexcept { return isCancelled() || hasPassed(until); }
};

}  // namespace freeze_state

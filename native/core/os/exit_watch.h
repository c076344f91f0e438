#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "../failure.h"

namespace freeze_state {

/// Waits for the exits of processes that need not be our children. Neither SIGCHLD nor waitid(2) tells of the exits of
/// others. While it waits it has a thread of its own, which blocks every signal and sleeps.
class ExitWatch {
 public:
  /// Calls `allGone` once, in the watch's thread, when none of the processes lives; a zombie does not live. Any thread
  /// but the watch's own may destroy the watch at any time; once the destructor has returned, `allGone` is not called
  /// any more. Null where the system cannot tell: no pidfds (Linux 5.3, pidfd_open(2)), or no descriptor or thread is
  /// left.
  static std::unique_ptr<ExitWatch> begin(const std::vector<Pid>& pids, std::function<void()> allGone);

  ExitWatch() = default;
  ExitWatch(const ExitWatch&) = delete;
  ExitWatch& operator=(const ExitWatch&) = delete;
  virtual ~ExitWatch() = default;
};

}  // namespace freeze_state

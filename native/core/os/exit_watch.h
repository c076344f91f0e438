#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "../failure.h"

namespace freeze_state {

/// Waits for the exits of processes that need not be our children: of others neither SIGCHLD nor waitid(2) tells. It
/// takes a thread of its own while it waits, which has every signal blocked and costs nothing meanwhile.
class ExitWatch {
 public:
  /// `allGone` is called once, in the watch's thread, when none of them lives; a zombie does not. It is not called any
  /// more when the destructor has returned, which any other thread may call at any time. Null where the system cannot
  /// tell: no pidfds (Linux 5.3, pidfd_open(2)), or no descriptor or thread is left.
  static std::unique_ptr<ExitWatch> begin(const std::vector<Pid>& pids, std::function<void()> allGone);

  ExitWatch() = default;
  ExitWatch(const ExitWatch&) = delete;
  ExitWatch& operator=(const ExitWatch&) = delete;
  virtual ~ExitWatch() = default;
};

}  // namespace freeze_state

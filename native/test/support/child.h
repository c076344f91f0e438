#pragma once

#include <functional>
#include <string>
#include <vector>

#include "../../core/failure.h"

namespace freeze_state::test {

/// Asks for a child that executes sleep(1) in a process group, by default one of its own.
struct Sleep {
  Pid group = 0;
};

/// A child process that does nothing but live, and that never outlives the test: killed and reaped by the destructor,
/// killed by the kernel when the tests die.
class Child {
 public:
  /// One with this many threads, including the first.
  explicit Child(int threads = 1);
  /// One that runs the body first.
  explicit Child(const std::function<void()>& body);
  /// One that has executed a program which has one thread, under the thread sanitizer as well.
  explicit Child(Sleep program);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { kill(), reap(); }

  Pid pid() const noexcept { return pid_; }

  /// What /proc says at this moment: `runs` is alive and not stopped, `isStopped` is alive and stopped.
  bool runs() const noexcept;
  bool isStopped() const noexcept;

  /// Wait until it is so. False where it takes too long.
  bool comesToRun() const;
  bool comesToStop() const;

  /// Leaves a zombie.
  void kill() noexcept;
  /// Removes the zombie; then the pid is free.
  void reap() noexcept;

 private:
  Pid pid_ = 0;
  bool isKilled_ = false;
  bool isReaped_ = false;
};

/// Makes the kernel kill this fork when its parent dies, and ends it where the parent has died already. Otherwise it
/// would live on for ever, and hold the pipe open that its output goes to.
void dieWith(Pid parent) noexcept;

/// Runs the body in a fork of this process. Returns the fork's exit code, which is what the body returned, or minus the
/// signal that ended it. No exit handlers run in the fork.
int runInFork(const std::function<int()>& body);

/// The same for a program.
int runProgram(std::vector<std::string> command);

/// Gives up the right to enter a real-time class, and root's privileges where we are root; for a fork.
bool becomeNobody() noexcept;

}  // namespace freeze_state::test

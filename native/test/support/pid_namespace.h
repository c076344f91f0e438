#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "../../core/failure.h"
#include "child.h"

namespace freeze_state::test {

/// What a body of `runInPidNamespace` returns where it cannot take place.
constexpr int kNotPermitted = 77;

/// Runs the body as pid 1 of a pid namespace with a /proc of its own: there a test chooses the next pid, and the end of
/// the body ends every process in it.
inline int runInPidNamespace(const std::function<int()>& body) {
  return runInFork([&] {
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) return kNotPermitted;
    return runInFork([&] {
      if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return kNotPermitted;
      if (mount("proc", "/proc", "proc", 0, nullptr) != 0) return kNotPermitted;
      return body();
    });
  });
}

/// Makes `pid` the number of the next process or thread. False where it may not be written.
inline bool makeNext(Pid pid) {
  const int file = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const std::string last = std::to_string(pid - 1);
  const bool isWritten = write(file, last.data(), last.size()) == static_cast<ssize_t>(last.size());
  close(file);
  return isWritten;
}

}  // namespace freeze_state::test

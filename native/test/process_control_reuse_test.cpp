#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <string>

#include "../core/os/linux/procfs.h"
#include "support/child.h"
#include "support/controls.h"
#include "support/describe.h"
#include "support/process_freezer.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

constexpr int kNotPermitted = 77;

/// Runs the body as pid 1 of a pid namespace with a /proc of its own: there a test chooses the next pid, and the end of
/// the body ends every process in it.
int runInPidNamespace(const std::function<int()>& body) {
  return runInFork([&] {
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) return kNotPermitted;
    return runInFork([&] {
      if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return kNotPermitted;
      if (mount("proc", "/proc", "proc", 0, nullptr) != 0) return kNotPermitted;
      return body();
    });
  });
}

/// Makes `pid` the pid of the next fork. False where it may not be written.
bool makeNext(Pid pid) {
  const int file = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const std::string last = std::to_string(pid - 1);
  const bool isWritten = write(file, last.data(), last.size()) == static_cast<ssize_t>(last.size());
  close(file);
  return isWritten;
}

/// A start time counts clock ticks, so a pid that is reused within one tick could not be told from its earlier holder.
/// The kernel, which gives out pids in turn, needs far longer.
bool waitForNextTick(Pid pid) {
  ProcessEntry stat;
  if (procfs::read(pid, stat) != 0) return false;
  return waitUntil([&] {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    const auto ticksPerSecond = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
    const std::uint64_t ticks = (static_cast<std::uint64_t>(now.tv_sec) * ticksPerSecond) +
                                (static_cast<std::uint64_t>(now.tv_nsec) / (1'000'000'000 / ticksPerSecond));
    return ticks > stat.startTime + 1;
  });
}

std::uint64_t startTimeOf(Pid pid) {
  ProcessEntry stat;
  return procfs::read(pid, stat) == 0 ? stat.startTime : 0;
}

/// Registers a process, lets it die, gives its pid to another, and goes through a state's life. 0, or the step that
/// went wrong.
template <typename S>
int reuse() {
  S control;
  FreezeState state(Mode::Process, processFreezer(control));
  Process process;
  Pid pid = 0;
  {
    const Child first;
    pid = first.pid();
    if (!state.registerPid(pid).empty() || !control.open(pid, process).empty()) return 1;
    if (!waitForNextTick(pid)) return 2;
  }
  if (!makeNext(pid)) return kNotPermitted;
  const Child second;
  if (second.pid() != pid) return 3;

  if (control.send(process, Signal::Stop) != ESRCH) return 4;
  if (second.isStopped()) return 5;
  if (control.identify(process).startTime == startTimeOf(pid)) return 12;
  control.hasExited(process);
  if (!process.hasExited) return 6;
  control.release(process);

  if (describe(state.freezeAtEpoch(0)) != "ProcessNotFound " + std::to_string(pid) + " ESRCH") return 7;
  if (!state.forceUnfreeze()) return 8;
  if (second.isStopped()) return 9;

  // Registered now, it is this process that is a member.
  if (!state.registerPid(pid).empty() || !state.freezeAtEpoch(1).frozen || !second.comesToStop()) return 10;
  if (!state.unfreeze().empty() || !second.comesToRun()) return 11;
  return 0;
}

/// Registers a pid again whose earlier holder is gone: the new holder is the member.
template <typename S>
int registerAgain() {
  S control;
  FreezeState state(Mode::Process, processFreezer(control));
  Pid pid = 0;
  {
    const Child first;
    pid = first.pid();
    if (!state.registerPid(pid).empty() || !waitForNextTick(pid)) return 1;
  }
  if (!makeNext(pid)) return kNotPermitted;
  const Child second;
  if (second.pid() != pid) return 3;
  if (!state.registerPid(pid).empty()) return 4;
  if (!state.freezeAtEpoch(0).frozen || !second.comesToStop()) return 5;
  if (!state.unfreeze().empty() || !second.comesToRun()) return 6;
  return 0;
}

}  // namespace

TEST_SUITE("pid reuse") {
  TEST_CASE_TEMPLATE("G7: a process that got a member's pid is never signalled", S, PidfdControl, StartTimeControl) {
    if (!isUsable<S>()) return;
    const int step = runInPidNamespace(reuse<S>);
    if (step == kNotPermitted) {
      MESSAGE("skipped: needs CAP_SYS_ADMIN, to choose a pid");
    } else {
      CHECK(step == 0);
    }
  }

  TEST_CASE_TEMPLATE("registering a pid again takes its present holder", S, PidfdControl, StartTimeControl) {
    if (!isUsable<S>()) return;
    const int step = runInPidNamespace(registerAgain<S>);
    if (step == kNotPermitted) {
      MESSAGE("skipped: needs CAP_SYS_ADMIN, to choose a pid");
    } else {
      CHECK(step == 0);
    }
  }
}

}  // namespace freeze_state::test

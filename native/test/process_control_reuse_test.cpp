#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <memory>
#include <string>

#include "../core/modes/tree.h"
#include "../core/os/linux/process_table.h"
#include "../core/os/linux/procfs.h"
#include "support/child.h"
#include "support/controls.h"
#include "support/describe.h"
#include "support/pid_namespace.h"
#include "support/process_freezer.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

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
  control.checkExited(process);
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

char stateOf(Pid pid) {
  ProcessEntry entry;
  return procfs::read(pid, entry) == 0 ? entry.state : 'X';
}

/// A child of the caller, which dies with it.
Pid bear() {
  const Pid parent = getpid();
  const Pid pid = fork();
  if (pid != 0) return pid;
  dieWith(parent);
  for (;;) pause();
}

/// Between two freezes of a tree, a descendant dies and another one gets its pid.
template <typename S>
int reuseInTree() {
  S control;
  LinuxProcessTable table(LinuxProcessTable::bestMeans());
  FreezeState state(Mode::ProcessTree, std::make_unique<TreeFreezer>(LoopOptions(), control, table));
  std::array<int, 2> orders{};
  std::array<int, 2> answers{};
  if (pipe2(orders.data(), O_CLOEXEC) != 0 || pipe2(answers.data(), O_CLOEXEC) != 0) return 1;
  const auto answer = [&](Pid pid) { return write(answers[1], &pid, sizeof pid) == sizeof pid; };
  const auto await = [&](Pid& pid) { return read(answers[0], &pid, sizeof pid) == sizeof pid; };
  const Child root([&] {
    const Pid first = bear();
    char order = 0;
    if (!answer(first) || read(orders[0], &order, 1) != 1) return;
    kill(first, SIGKILL);
    waitpid(first, nullptr, 0);
    answer(makeNext(first) ? bear() : 0);
  });
  Pid first = 0;
  if (!await(first) || !state.registerPid(root.pid()).empty()) return 2;
  if (!state.freezeAtEpoch(0).frozen || stateOf(first) != 'T' || !state.unfreeze().empty()) return 3;
  if (!waitForNextTick(first) || write(orders[1], "x", 1) != 1) return 4;
  Pid second = 0;
  if (!await(second)) return 5;
  if (second == 0) return kNotPermitted;
  if (second != first) return 6;
  if (!state.freezeAtEpoch(1).frozen || stateOf(second) != 'T') return 7;
  if (!state.unfreeze().empty() || !waitUntil([&] { return stateOf(second) == 'S'; })) return 8;
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

  TEST_CASE_TEMPLATE("a child that has the pid of one that was frozen before is stopped", S, PidfdControl,
                     StartTimeControl) {
    if (!isUsable<S>()) return;
    const int step = runInPidNamespace(reuseInTree<S>);
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

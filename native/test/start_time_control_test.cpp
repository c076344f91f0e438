#include "../core/os/linux/start_time_control.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "../core/os/linux/procfs.h"
#include "support/child.h"
#include "support/describe.h"
#include "support/tasks.h"
#include "support/wait_until.h"

namespace freeze_state::test {

TEST_SUITE("start-time control") {
  TEST_CASE("a process is known by its pid and the time of its start") {
    const Child child;
    StartTimeControl control;
    Process process;
    REQUIRE(describe(control.open(child.pid(), process)).empty());
    ProcessEntry entry;
    REQUIRE(procfs::read(child.pid(), entry) == 0);
    CHECK(process.startTime == entry.startTime);
    CHECK(process.startTime != 0);
    const LedgerIdentity identity = control.identify(process);
    CHECK(identity.number == child.pid());
    CHECK(identity.startTime == entry.startTime);
  }

  TEST_CASE("G7: a process that started at another time is sent nothing, and the member with its pid is gone") {
    const Child child;
    StartTimeControl control;
    Process process;
    REQUIRE(describe(control.open(child.pid(), process)).empty());
    CHECK(control.probe(process) != ProcessState::Gone);
    // As if the member had started earlier, and the child had been given its pid.
    --process.startTime;
    CHECK(control.send(process, Signal::Stop) == ESRCH);
    CHECK(child.runs());
    CHECK(control.probe(process) == ProcessState::Gone);
    CHECK(control.checkExited(process));
  }

  TEST_CASE(
      "G6: a process with many threads is probed in steps, and asked by one thread whether it was stopped before") {
    constexpr int kThreads = 40;
    const Child child(kThreads);
    StartTimeControl byStartTime;
    ProcessControl& control = byStartTime;
    Process process;
    REQUIRE(describe(control.open(child.pid(), process)).empty());
    REQUIRE(waitUntil([&] { return threadsOf(child.pid()).size() >= kThreads; }));
    CHECK_FALSE(control.isStopped(process));
    ::kill(child.pid(), SIGSTOP);
    REQUIRE(waitUntil([&] { return control.probe(process) == ProcessState::Stopped; }));
    ThreadScan scan;
    const Slice over{nullptr, Deadline::min()};
    int probes = 1;
    for (; control.probe(process, scan, over) != ProcessState::Stopped && probes <= 2 * kThreads; ++probes) continue;
    CHECK(probes >= kThreads);
    CHECK(probes <= 2 * kThreads);
    // The list of the threads and the file of one of them take two descriptors.
    CHECK(runInFork([&] {
            const int free = dup(0);
            const rlimit one{static_cast<rlim_t>(free) + 1, static_cast<rlim_t>(free) + 1};
            close(free);
            if (setrlimit(RLIMIT_NOFILE, &one) != 0) return 1;
            if (control.probe(process) == ProcessState::Stopped) return 2;
            return control.isStopped(process) ? 0 : 3;
          }) == 0);
    // As if the pid had been given to another process in the midst of the steps.
    CHECK_FALSE(control.probe(process, scan, over).has_value());
    --process.startTime;
    CHECK(control.probe(process, scan, over) == ProcessState::Gone);
    CHECK_FALSE(control.isStopped(process));
  }
}

}  // namespace freeze_state::test

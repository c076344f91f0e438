#include "../core/os/linux/start_time_control.h"

#include <doctest/doctest.h>

#include <cerrno>

#include "../core/os/linux/procfs.h"
#include "support/child.h"
#include "support/describe.h"

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
}

}  // namespace freeze_state::test

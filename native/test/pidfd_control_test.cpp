#include <doctest/doctest.h>
#include <fcntl.h>

#include <vector>

#include "support/child.h"
#include "support/controls.h"
#include "support/describe.h"
#include "support/descriptors.h"
#include "support/process_freezer.h"

namespace freeze_state::test {

TEST_SUITE("pidfd control") {
  TEST_CASE("members are released with the state, one by one, and when they are dropped") {
    if (!isUsable<PidfdControl>()) return;
    PidfdControl control;
    const Child first;
    Child second;
    const std::size_t before = openDescriptors();
    {
      FreezeState state(Mode::Process, processFreezer(control));
      state.registerPid(first.pid());
      state.registerPid(second.pid());
      CHECK(openDescriptors() == before + 2);
      second.kill();
      CHECK(state.freezeAtEpoch(0).frozen);
      CHECK(openDescriptors() == before + 1);
      CHECK(state.unregisterPid(first.pid()).found);
      CHECK(openDescriptors() == before);
      state.registerPid(first.pid());
      CHECK(openDescriptors() == before + 1);
    }
    CHECK(openDescriptors() == before);
  }

  TEST_CASE("pidfds do not leak into programs that we start") {
    if (!isUsable<PidfdControl>()) return;
    PidfdControl control;
    const Child child;
    Process process;
    REQUIRE(describe(control.open(child.pid(), process)).empty());
    CHECK((fcntl(process.fd, F_GETFD) & FD_CLOEXEC) != 0);
    control.release(process);
    CHECK(process.fd == -1);
  }

  // poll(2) refuses more descriptors than the limit, which may have been lowered since they were opened.
  TEST_CASE("members that are gone are found with more pidfds open than the limit now allows") {
    if (!isUsable<PidfdControl>()) return;
    PidfdControl control;
    const Child alive;
    Child dead;
    std::vector<Process> processes(300);
    std::vector<Process*> pointers;
    const auto isDead = [](std::size_t i) { return i == 7 || i == 150 || i == 299; };
    for (std::size_t i = 0; i < processes.size(); ++i) {
      REQUIRE(describe(control.open(isDead(i) ? dead.pid() : alive.pid(), processes[i])).empty());
    }
    dead.kill();
    {
      const DescriptorLimit limit(3);
      for (Process& one : processes) pointers.push_back(&one);
      control.findExited(pointers);
    }
    for (std::size_t i = 0; i < processes.size(); ++i) {
      if (processes[i].hasExited != isDead(i)) FAIL_CHECK("wrong about member " << i);
    }
    for (Process& one : processes) control.release(one);
  }
}

}  // namespace freeze_state::test

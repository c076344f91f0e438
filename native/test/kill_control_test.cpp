#include "../core/os/linux/kill_control.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>

#include "../core/os/linux/procfs.h"
#include "support/child.h"
#include "support/describe.h"
#include "support/wait_until.h"

namespace freeze_state::test {

TEST_SUITE("kill control") {
  // Without /proc. In forks, since a test that stops itself would never tell.
  TEST_CASE("G7: plain kill takes no thread for a process, and no number that one of ours has by now") {
    const int code = runInFork([] {
      LinuxKillControl control;
      int result = 0;
      std::thread([&] {
        const Pid thread = gettid();
        Process opened;
        if (describe(control.open(thread, opened)) != "ThreadId " + std::to_string(thread)) result = 1;
        // The number belonged to a process when that was registered.
        Process reused{.pid = thread};
        if (control.send(reused, Signal::Stop) != ESRCH) result = 2;
        if (!control.checkExited(reused)) result = 3;
      }).join();
      Process own;
      if (control.open(getpid(), own).empty()) result = 4;
      return result;
    });
    CHECK(code == 0);
    const Child threads(2);
    Pid second = 0;
    REQUIRE(waitUntil([&] {
      procfs::Numbers all(("/proc/" + std::to_string(threads.pid()) + "/task").c_str());
      for (Pid thread = 0; all.next(thread);) second = thread;
      return second != 0 && second != threads.pid();
    }));
    Process foreign;
    LinuxKillControl control;
    CHECK(describe(control.open(second, foreign)) == "ThreadId " + std::to_string(second));
  }

  TEST_CASE("waitid(2) tells of a child whether it has stopped and whether it is gone, and leaves both to others") {
    Child child;
    LinuxKillControl control;
    Process process;
    REQUIRE(describe(control.open(child.pid(), process)).empty());
    // No call tells that a child runs.
    CHECK(control.probe(process) == ProcessState::Unknown);
    CHECK(control.send(process, Signal::Stop) == 0);
    CHECK(waitUntil([&] { return control.probe(process) == ProcessState::Stopped; }));
    CHECK(control.probe(process) == ProcessState::Stopped);
    CHECK(control.send(process, Signal::Continue) == 0);
    CHECK(waitUntil([&] { return control.probe(process) == ProcessState::Unknown; }));
    child.kill();
    CHECK(control.probe(process) == ProcessState::Gone);
    CHECK(control.probe(process) == ProcessState::Gone);
  }
}

}  // namespace freeze_state::test

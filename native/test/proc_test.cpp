#include "../core/linux/proc.h"

#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "support/child.h"

namespace freeze_state::test {

TEST_SUITE("proc") {
  TEST_CASE("a process's name may look like the fields that follow it") {
    proc::Stat plain{};
    REQUIRE(proc::stat(getpid(), plain) == 0);
    const int code = runInFork([] {
      proc::Stat before{};
      proc::Stat after{};
      if (proc::stat(getpid(), before) != 0) return 1;
      for (const char* const name : {") Z 1 (", "a b) S 2 3", "((", "))", ") "}) {
        prctl(PR_SET_NAME, name);
        if (proc::stat(getpid(), after) != 0) return 2;
        if (after.state != 'R' || after.startTime != before.startTime) return 3;
      }
      return 0;
    });
    CHECK(code == 0);
  }

  TEST_CASE("tells a sleeper, a stopped one, a zombie, and nobody") {
    Child child;
    proc::Stat stat{};
    CHECK(child.comesToRun());
    ::kill(child.pid(), SIGSTOP);
    CHECK(child.comesToStop());
    child.kill();
    REQUIRE(proc::stat(child.pid(), stat) == 0);
    CHECK(stat.state == 'Z');
    CHECK(stat.startTime > 0);
    child.reap();
    CHECK(proc::stat(child.pid(), stat) == ESRCH);
  }

  TEST_CASE("tells a thread from the process that it belongs to") {
    CHECK_FALSE(proc::isThread(getpid()));
    bool isThread = false;
    std::thread([&] { isThread = proc::isThread(gettid()); }).join();
    CHECK(isThread);
  }
}

}  // namespace freeze_state::test

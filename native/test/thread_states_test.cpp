#include "../core/os/linux/thread_states.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "../core/os/linux/procfs.h"
#include "support/child.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

void pauseForEver() {
  for (;;) pause();
}

void runForEver() {
  volatile unsigned turns = 0;
  for (;;) turns = turns + 1;
}

/// Waits as in vfork(2), but gives the child memory of its own. vfork() itself is a fork(2) under the thread sanitizer.
void waitForChild() {
  const Pid parent = getpid();
  if (syscall(SYS_clone, CLONE_VFORK | SIGCHLD, nullptr, nullptr, nullptr, nullptr) != 0) return;
  dieWith(parent);
  pauseForEver();
}

}  // namespace

TEST_SUITE("thread states") {
  TEST_CASE("a process is exiting once each of its threads has ended, and not while one lives") {
    Child dead;
    const Child one;
    const Child many(3);
    const Child leaderless([] {
      std::thread(pauseForEver).detach();
      syscall(SYS_exit, 0);
    });
    ProcessEntry entry;
    REQUIRE(waitUntil([&] { return procfs::read(leaderless.pid(), entry) == 0 && entry.isLeaderless(); }));
    CHECK_FALSE(procfs::isExiting(one.pid()));
    CHECK_FALSE(procfs::isExiting(many.pid()));
    CHECK_FALSE(procfs::isExiting(leaderless.pid()));
    dead.kill();
    CHECK(procfs::isExiting(dead.pid()));
    dead.reap();
    CHECK_FALSE(procfs::isExiting(dead.pid()));
  }

  TEST_CASE("a process delays a freeze while any of its threads runs, or sleeps and cannot be interrupted") {
    const Child asleep(3);
    const Child busy([] { std::thread(runForEver).detach(); });
    const Child waiting(waitForChild);
    // The first thread sleeps, so that it is the other thread that tells.
    ProcessEntry first;
    REQUIRE(waitUntil([&] { return procfs::read(busy.pid(), first) == 0 && first.threads > 1 && first.state == 'S'; }));
    CHECK(waitUntil([&] { return procfs::delaysFreeze(busy.pid()); }));
    CHECK(waitUntil([&] { return procfs::delaysFreeze(waiting.pid()); }));
    CHECK(waitUntil([&] { return !procfs::delaysFreeze(asleep.pid()); }));
    ::kill(busy.pid(), SIGSTOP);
    CHECK(waitUntil([&] { return !procfs::delaysFreeze(busy.pid()); }));
  }

  TEST_CASE("a process that is gone delays no freeze") {
    Child child(runForEver);
    child.kill();
    CHECK_FALSE(procfs::delaysFreeze(child.pid()));
    child.reap();
    CHECK_FALSE(procfs::delaysFreeze(child.pid()));
  }
}

}  // namespace freeze_state::test

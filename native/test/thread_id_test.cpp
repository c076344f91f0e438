#include "../core/os/linux/thread_id.h"

#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <thread>
#include <vector>

#include "support/child.h"
#include "support/deny.h"
#include "support/tasks.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

/// The id of a thread of the child that does not lead it.
Pid secondOf(const Child& child) {
  REQUIRE(waitUntil([&] { return threadsOf(child.pid()).size() >= 2; }));
  const std::vector<Pid> threads = threadsOf(child.pid());
  return *std::ranges::find_if(threads, [&](Pid id) { return id != child.pid(); });
}

}  // namespace

TEST_SUITE("thread ids") {
  TEST_CASE("the pid of a process is not a thread id, and the id of another of its threads is") {
    const Child child(2);
    CHECK(isThreadId(child.pid()) == std::optional(false));
    CHECK(isThreadId(secondOf(child)) == std::optional(true));
    CHECK(isThreadId(getpid()) == std::optional(false));
    std::thread([] { CHECK(isThreadId(gettid()) == std::optional(true)); }).join();
  }

  TEST_CASE("a number that nothing has is not a thread id") {
    Child child;
    child.kill();
    child.reap();
    CHECK(isThreadId(child.pid()) == std::optional(false));
  }

  TEST_CASE("G7: our own pid and the id of any thread may be ours, and the pid of another process is not") {
    const Child child(2);
    CHECK(mayBeOurs(getpid()));
    CHECK(mayBeOurs(secondOf(child)));
    CHECK_FALSE(mayBeOurs(child.pid()));
    std::thread([] { CHECK(mayBeOurs(gettid())); }).join();
  }

  TEST_CASE("where a seccomp filter forbids tgkill(2), /proc tells") {
    const Child child(2);
    const Pid second = secondOf(child);
    const int code = runInFork([&] {
      if (!deny(SYS_tgkill, EPERM)) return 1;
      if (isThreadId(child.pid()) != std::optional(false)) return 2;
      return isThreadId(second) == std::optional(true) ? 0 : 3;
    });
    CHECK(code == 0);
  }
}

}  // namespace freeze_state::test

#include "../core/os/exit_watch.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "../core/os/linux/pidfd.h"
#include "support/child.h"
#include "support/descriptors.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

/// The tests also run where a filter denies pidfds.
bool havePidfds() {
  const int fd = pidfd::open(getpid());
  if (fd >= 0) close(fd);
  return fd >= 0;
}

}  // namespace

TEST_SUITE("the watch of exits" * doctest::skip(!havePidfds())) {
  TEST_CASE("a watch calls once, when the last process has exited, as a zombie has") {
    Child first;
    Child second;
    std::atomic<int> calls{0};
    const auto watch = ExitWatch::begin({first.pid(), second.pid()}, [&] { ++calls; });
    REQUIRE(watch);
    first.kill();
    CHECK(calls == 0);
    second.kill();
    CHECK(waitUntil([&] { return calls == 1; }));
  }

  TEST_CASE("a watch calls where all processes have exited before") {
    Child child;
    const Pid pid = child.pid();
    child.kill();
    child.reap();
    std::atomic<int> calls{0};
    const auto watch = ExitWatch::begin({pid}, [&] { ++calls; });
    REQUIRE(watch);
    CHECK(waitUntil([&] { return calls == 1; }));
  }

  TEST_CASE("a watch does not call once it is destroyed, and leaves no descriptor") {
    const auto before = openDescriptors();
    Child child;
    std::atomic<int> calls{0};
    for (int i = 0; i < 100; ++i) CHECK(ExitWatch::begin({child.pid()}, [&] { ++calls; }));
    child.kill();
    child.reap();
    CHECK(calls == 0);
    CHECK(openDescriptors() == before);
  }

  TEST_CASE("a watch can be destroyed at the moment of the exits") {
    std::atomic<int> calls{0};
    for (int i = 0; i < 50; ++i) {
      Child child;
      auto watch = ExitWatch::begin({child.pid()}, [&] { ++calls; });
      std::thread killer([&] { child.kill(); });
      watch.reset();
      const int then = calls;
      killer.join();
      child.reap();
      CHECK(calls == then);
    }
  }
}

TEST_CASE("there is no watch of exits without pidfds" * doctest::skip(havePidfds())) {
  CHECK_FALSE(ExitWatch::begin({getpid()}, [] {}));
}

}  // namespace freeze_state::test

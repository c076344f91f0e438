#include "../core/os/linux/thread_scan.h"

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <optional>

#include "support/child.h"
#include "support/tasks.h"
#include "support/wait_until.h"

namespace freeze_state::test {

TEST_SUITE("thread scan") {
  TEST_CASE("many threads are probed in steps, and count as stopped once all of them are") {
    constexpr int kThreads = 40;
    const Child child(kThreads);
    ThreadScan scan;
    REQUIRE(waitUntil([&] { return threadsOf(child.pid()).size() >= kThreads; }));
    CHECK(procfs::probe(child.pid(), scan, {nullptr, Deadline::min()}) != ProcessState::Stopped);
    CHECK(scan.stopped == 0);
    ::kill(child.pid(), SIGSTOP);
    REQUIRE(waitUntil([&] { return procfs::probe(child.pid()) == ProcessState::Stopped; }));
    // The thread sanitizer may have started one of its own.
    const auto threads = static_cast<int>(threadsOf(child.pid()).size());
    std::optional<ProcessState> state;
    int probes = 0;
    for (; !state && probes <= threads; ++probes) {
      CHECK(scan.stopped == probes);
      state = procfs::probe(child.pid(), scan, {nullptr, Deadline::min()});
    }
    CHECK(state == ProcessState::Stopped);
    // The state is known only with the last thread.
    CHECK(probes >= threads);
    CHECK(scan.stopped == 0);
    CHECK(procfs::probe(child.pid()) == ProcessState::Stopped);
  }

  TEST_CASE("G6: a probe of many threads that is cancelled ends with the thread that it is at") {
    constexpr int kThreads = 40;
    const Child child(kThreads);
    REQUIRE(waitUntil([&] { return threadsOf(child.pid()).size() >= kThreads; }));
    ::kill(child.pid(), SIGSTOP);
    REQUIRE(waitUntil([&] { return procfs::probe(child.pid()) == ProcessState::Stopped; }));
    const std::atomic<std::uint64_t> word{1};
    const Ticket current(word, 1);
    const Ticket stale(word, 0);
    ThreadScan scan;
    CHECK_FALSE(procfs::probe(child.pid(), scan, {&stale}).has_value());
    CHECK(procfs::probe(child.pid(), scan, {&current}) == ProcessState::Stopped);
  }
}

}  // namespace freeze_state::test

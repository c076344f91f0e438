#include <doctest/doctest.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "../core/os/linux/kill_control.h"
#include "support/child.h"
#include "support/controls.h"
#include "support/describe.h"
#include "support/script.h"

namespace freeze_state::test {

namespace {

/// A process that is held for the length of a test.
template <typename ProcessControl>
struct Hold {
  explicit Hold(Pid pid) : failures(control.open(pid, process)) {}
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() { control.release(process); }

  int send(Signal signal) { return control.send(process, signal); }
  bool isGone() { return control.checkExited(process); }

  ProcessControl control;
  Process process;
  Failures failures;
};

}  // namespace

TEST_SUITE("controls") {
  TEST_CASE_TEMPLATE("every control stops and continues a live process, and finds it alive", S, PidfdControl,
                     StartTimeControl, KillControl, LinuxKillControl) {
    if (!isUsable<S>()) return;
    const Child child;
    Hold<S> hold(child.pid());
    CHECK(describe(hold.failures).empty());
    CHECK(hold.process.pid == child.pid());
    CHECK_FALSE(hold.isGone());
    CHECK(hold.send(Signal::Stop) == 0);
    CHECK(child.comesToStop());
    CHECK_FALSE(hold.isGone());
    CHECK(hold.send(Signal::Continue) == 0);
    CHECK(child.comesToRun());
    CHECK(hold.control.ownPid() == getpid());
    CHECK(hold.control.isSupported());
  }

  TEST_CASE_TEMPLATE("a process that dies while it is held is gone, as a zombie and after", S, PidfdControl,
                     StartTimeControl, KillControl, LinuxKillControl) {
    if (!isUsable<S>()) return;
    Child child;
    SUBCASE("running") {}
    SUBCASE("stopped") {
      ::kill(child.pid(), SIGSTOP);
      CHECK(child.comesToStop());
    }
    Hold<S> hold(child.pid());
    Hold<S> later(child.pid());
    child.kill();
    CHECK(hold.isGone());
    child.reap();
    CHECK(hold.isGone());
    CHECK(later.isGone());
    CHECK(hold.send(Signal::Stop) == ESRCH);
    CHECK(hold.send(Signal::Continue) == ESRCH);
  }

  TEST_CASE_TEMPLATE("a zombie can be taken hold of, and is gone", S, PidfdControl, StartTimeControl, KillControl,
                     LinuxKillControl) {
    if (!isUsable<S>()) return;
    Child child;
    child.kill();
    Hold<S> hold(child.pid());
    CHECK(describe(hold.failures).empty());
    CHECK(hold.isGone());
  }

  TEST_CASE_TEMPLATE("a pid that nothing has is a member that is gone", S, PidfdControl, StartTimeControl, KillControl,
                     LinuxKillControl) {
    if (!isUsable<S>()) return;
    Child child;
    child.kill();
    child.reap();
    constexpr Pid kBeyondPidMax = 0x7fffffff;
    for (const Pid pid : {child.pid(), kBeyondPidMax}) {
      Hold<S> hold(pid);
      CHECK(describe(hold.failures).empty());
      CHECK(hold.process.hasExited);
      CHECK(hold.isGone());
    }
  }

  // Plain kill(2) knows no difference: on Linux it takes a thread's id for its process's.
  TEST_CASE_TEMPLATE("the id of a thread is not taken for a process", S, PidfdControl, StartTimeControl,
                     LinuxKillControl) {
    if (!isUsable<S>()) return;
    Failures failures;
    std::thread([&] {
      const Hold<S> hold(gettid());
      failures = hold.failures;
      CHECK(hold.process.fd == -1);
    }).join();
    REQUIRE(failures.size() == 1);
    CHECK(failures.front().code == FailureCode::ThreadId);
  }

  TEST_CASE_TEMPLATE("a process of another user answers EPERM, and is not gone", S, PidfdControl, StartTimeControl,
                     KillControl, LinuxKillControl) {
    if (!isUsable<S>()) return;
    if (getuid() != 0) {
      MESSAGE("skipped: only root can become another user");
      return;
    }
    const Child child;
    const int code = runInFork([&] {
      Hold<S> hold(child.pid());
      if (!becomeNobody()) return 1;
      if (hold.send(Signal::Stop) != EPERM) return 2;
      return hold.isGone() ? 3 : 0;
    });
    CHECK(code == 0);
    CHECK(child.runs());
  }

  TEST_CASE_TEMPLATE("processes that are gone are found among the living, however many there are", S, PidfdControl,
                     StartTimeControl, KillControl, LinuxKillControl) {
    if (!isUsable<S>()) return;
    const Child alive;
    Child dead;
    S control;
    // More than are asked about in one call.
    std::vector<Process> processes(1100);
    std::vector<Process*> pointers;
    const auto isDead = [](std::size_t i) { return i == 0 || i == 511 || i == 512 || i == 1099; };
    for (std::size_t i = 0; i < processes.size(); ++i) {
      REQUIRE(describe(control.open(isDead(i) ? dead.pid() : alive.pid(), processes[i])).empty());
    }
    dead.kill();
    for (Process& one : processes) pointers.push_back(&one);
    control.findExited(pointers);
    for (std::size_t i = 0; i < processes.size(); ++i) {
      if (processes[i].hasExited != isDead(i)) FAIL_CHECK("wrong about member " << i);
    }
    for (Process& one : processes) control.release(one);
  }

  TEST_CASE("a process is held for a scope, also one that has exited, and nothing where that is refused") {
    Script script;
    script.refuseOpen(102, FailureCode::ResourceExhausted);
    script.absent(103);
    {
      HeldProcess held(script, 101);
      CHECK(held.isHeld());
      CHECK(held.process().pid == 101);
      CHECK(script.held() == std::multiset<Pid>{101});
      const HeldProcess refused(script, 102);
      CHECK_FALSE(refused.isHeld());
      CHECK(describe(refused.refused()) == "ResourceExhausted 102");
      HeldProcess exited(script, 103);
      CHECK(exited.isHeld());
      CHECK(exited.process().hasExited);
    }
    CHECK(script.held().empty());
  }

  TEST_CASE("G7: what was read by the pid of a process that exits meanwhile is not taken to be about it") {
    Script script;
    Process process;
    REQUIRE(script.open(101, process).empty());
    CHECK(verified(script, process, [] { return 0; }) == 0);
    CHECK(verified(script, process, [] { return EACCES; }) == EACCES);
    const auto exits = [&] {
      script.exited(101);
      return 0;
    };
    CHECK(verified(script, process, exits) == ESRCH);
    script.release(process);
  }
}

}  // namespace freeze_state::test

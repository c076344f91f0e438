#include "../core/os/child_stops.h"

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "../core/os/process_control.h"
#include "../core/os/signal_loop.h"
#include "../core/state/freeze_state.h"
#include "support/child.h"
#include "support/describe.h"
#include "support/process_freezer.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

std::atomic<int> notices{0};

void countNotice(int) { ++notices; }
void countNoticeWithInfo(int, siginfo_t*, void*) { ++notices; }

struct sigaction standing() {
  struct sigaction action{};
  sigaction(SIGCHLD, nullptr, &action);
  return action;
}

/// Sets what happens at SIGCHLD for the length of a test.
class ChildSignal {
 public:
  explicit ChildSignal(const struct sigaction& action) {
    notices = 0;
    sigaction(SIGCHLD, &action, &old_);
  }
  ChildSignal(const ChildSignal&) = delete;
  ChildSignal& operator=(const ChildSignal&) = delete;
  ~ChildSignal() { sigaction(SIGCHLD, &old_, nullptr); }

 private:
  struct sigaction old_{};
};

struct sigaction counting() {
  struct sigaction action{};
  action.sa_handler = countNotice;
  action.sa_flags = SA_RESTART;
  sigaddset(&action.sa_mask, SIGUSR1);
  return action;
}

/// The program wants the notices for the length of a test.
struct Wanted {
  Wanted() { child_stops::want(true); }
  Wanted(const Wanted&) = delete;
  Wanted& operator=(const Wanted&) = delete;
  ~Wanted() { child_stops::want(false); }
};

}  // namespace

TEST_SUITE("child stop notices") {
  TEST_CASE("notices are switched off for the installed handler, and the rest of its disposition is kept") {
    struct sigaction action = counting();
    SUBCASE("a handler") {}
    SUBCASE("a handler with SA_SIGINFO") {
      action.sa_sigaction = countNoticeWithInfo;
      action.sa_flags |= SA_SIGINFO;
    }
    const ChildSignal set(action);
    {
      const SignalLoop loop({}, 1);
    }
    const struct sigaction now = standing();
    CHECK((now.sa_flags & SA_NOCLDSTOP) != 0);
    CHECK((now.sa_flags & (SA_RESTART | SA_SIGINFO)) == action.sa_flags);
    CHECK((now.sa_handler == action.sa_handler));
    CHECK(sigismember(&now.sa_mask, SIGUSR1) == 1);
    CHECK(sigismember(&now.sa_mask, SIGUSR2) == 0);
  }

  TEST_CASE("with no handler, the disposition of SIGCHLD stays as it is") {
    for (const auto handler : {SIG_DFL, SIG_IGN}) {
      struct sigaction action{};
      action.sa_handler = handler;
      const ChildSignal set(action);
      {
        const SignalLoop loop({}, 3);
      }
      CHECK((standing().sa_handler == handler));
      CHECK((standing().sa_flags & SA_NOCLDSTOP) == 0);
    }
  }

  TEST_CASE("notices stay on while the program wants them") {
    const ChildSignal set(counting());
    const Wanted wanted;
    {
      const SignalLoop loop({}, 3);
    }
    CHECK((standing().sa_flags & SA_NOCLDSTOP) == 0);
  }

  TEST_CASE("notices are on again as soon as the program wants them") {
    const ChildSignal set(counting());
    {
      const SignalLoop loop({}, 3);
    }
    REQUIRE((standing().sa_flags & SA_NOCLDSTOP) != 0);
    const Wanted wanted;
    CHECK((standing().sa_flags & SA_NOCLDSTOP) == 0);
  }

  TEST_CASE("notices stay off, even when wanted, if the program itself has set SA_NOCLDSTOP") {
    struct sigaction action = counting();
    action.sa_flags |= SA_NOCLDSTOP;
    const ChildSignal set(action);
    {
      const SignalLoop loop({}, 3);
    }
    const Wanted wanted;
    CHECK((standing().sa_flags & SA_NOCLDSTOP) != 0);
  }

  TEST_CASE("notices are on whenever they are wanted, also beside the loops of other threads") {
    const ChildSignal set(counting());
    std::atomic<bool> isOver{false};
    std::thread others([&] {
      while (!isOver) const SignalLoop loop({}, 3);
    });
    for (int round = 0; round < 2000; ++round) {
      child_stops::want(true);
      // A loop that had begun before may still set the flag, and then clears it itself.
      CHECK(waitUntil([] { return (standing().sa_flags & SA_NOCLDSTOP) == 0; }));
      child_stops::want(false);
    }
    isOver = true;
    others.join();
  }

  TEST_CASE("a freeze and a thaw call no handler of SIGCHLD, and an exit does") {
    const ChildSignal set(counting());
    Child child;
    FreezeState state(Mode::Process, processFreezer(systemControl()));
    state.registerPid(child.pid());
    CHECK(state.freezeAtEpoch(0).frozen);
    CHECK(child.comesToStop());
    CHECK(state.unfreeze().empty());
    CHECK(child.comesToRun());
    CHECK(notices == 0);
    child.kill();
    CHECK(waitUntil([] { return notices == 1; }));
  }

  TEST_CASE("a freeze and a thaw call the handler of SIGCHLD where notices are wanted") {
    const ChildSignal set(counting());
    const Child child;
    const Wanted wanted;
    FreezeState state(Mode::Process, processFreezer(systemControl()));
    state.registerPid(child.pid());
    CHECK(state.freezeAtEpoch(0).frozen);
    CHECK(waitUntil([] { return notices == 1; }));
    CHECK(state.unfreeze().empty());
    CHECK(waitUntil([] { return notices == 2; }));
  }
}

}  // namespace freeze_state::test

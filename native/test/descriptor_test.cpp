#include <dirent.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "support/child.h"
#include "support/controls.h"
#include "support/describe.h"

namespace freeze_state::test {

namespace {

std::size_t openDescriptors() {
  DIR* const directory = opendir("/proc/self/fd");
  REQUIRE(directory != nullptr);
  std::size_t count = 0;
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count;
}

/// Lowers RLIMIT_NOFILE for the length of a block.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t limit) {
    REQUIRE(getrlimit(RLIMIT_NOFILE, &old_) == 0);
    const rlimit lower{limit, old_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &lower) == 0);
  }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &old_); }

  /// So that the next descriptor is refused with EMFILE.
  static rlim_t none() {
    const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    REQUIRE(next >= 0);
    close(next);
    return static_cast<rlim_t>(next);
  }

 private:
  rlimit old_{};
};

}  // namespace

TEST_SUITE("descriptors") {
  TEST_CASE_TEMPLATE("out of them, a registration fails and leaves nothing behind", S, PidfdControl, StartTimeControl) {
    if (!isUsable<S>()) return;
    const Child child;
    S control;
    FreezeState state(Mode::Process, {}, control);
    const std::size_t before = openDescriptors();
    // Once with descriptors: the undefined behaviour sanitizer itself needs one, at the first of its virtual calls.
    CHECK(describe(state.registerPid(child.pid())).empty());
    CHECK(state.unregisterPid(child.pid()).found);
    {
      const DescriptorLimit limit(DescriptorLimit::none());
      CHECK(describe(state.registerPid(child.pid())) == "ResourceExhausted " + std::to_string(child.pid()) + " EMFILE");
    }
    CHECK(describe(state.pids()).empty());
    CHECK(openDescriptors() == before);
    CHECK(describe(state.registerPid(child.pid())).empty());
  }

  // Here the start-time control has to open /proc for each signal, and must not take a live member for a gone one:
  // it would be forgotten while it is stopped.
  TEST_CASE_TEMPLATE("out of them, nothing that lives is taken for gone, and nothing stays stopped", S, PidfdControl,
                     StartTimeControl, KillControl) {
    if (!isUsable<S>()) return;
    const Child child;
    S control;
    FreezeState state(Mode::Process, {}, control);
    REQUIRE(describe(state.registerPid(child.pid())).empty());
    REQUIRE(describe(state.freezeAtEpoch(0)) == "frozen");
    REQUIRE(child.comesToStop());
    {
      const DescriptorLimit limit(DescriptorLimit::none());
      const Failures failures = state.unfreeze();
      for (const Failure& failure : failures) {
        CHECK(failure.error == EMFILE);
        CHECK(failure.isStopped);
      }
      const FreezeResult result = state.freezeAtEpoch(1);
      CHECK((result.frozen || describe(result).starts_with("SignalFailed")));
    }
    CHECK(describe(state.pids()) == std::to_string(child.pid()));
    CHECK(describe(state.unfreeze()).empty());
    CHECK(child.comesToRun());
  }

  TEST_CASE("members are released with the state, one by one, and when they are dropped") {
    if (!isUsable<PidfdControl>()) return;
    PidfdControl control;
    const Child first;
    Child second;
    const std::size_t before = openDescriptors();
    {
      FreezeState state(Mode::Process, {}, control);
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
  TEST_CASE("the gone are found with more of them open than the limit now allows") {
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

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "../core/modes/cgroup/freezer.h"
#include "../core/modes/cgroup/origins.h"
#include "../core/state/confirmation.h"
#include "../core/state/freeze_state.h"
#include "support/confirming.h"
#include "support/describe.h"
#include "support/hierarchy.h"
#include "support/script.h"

namespace freeze_state::test {

namespace {

constexpr bool kJoining = true;

/// A state on directories that the test plays, and its processes, which come in when the test moves them.
struct Joining {
  explicit Joining(bool isOwned = true) {
    Failures failures;
    auto group = FreezableCgroup::open({all.root, "/"}, all.group(), isOwned, failures);
    REQUIRE(describe(failures).empty());
    CgroupAccess access = all.access();
    access.find = [this, find = access.find](Pid pid, const cgroup::Mount& mount, std::string& directory) {
      if (pid == late && --looks == 0) join(pid);
      return find(pid, mount, directory);
    };
    state = std::make_shared<FreezeState>(
        Mode::Cgroup, std::make_unique<CgroupFreezer>(std::move(group), script, nullptr, std::move(access)));
  }
  void join(Pid pid) {
    all.where[pid] = all.group();
    all.list();
  }
  void leave(Pid pid) {
    all.where[pid] = all.origin();
    all.list();
  }
  std::string placeOf(Pid pid) {
    const auto found = all.where.find(pid);
    return found == all.where.end() ? all.origin() : found->second;
  }

  Hierarchy all;
  Script script;
  std::shared_ptr<FreezeState> state;
  Pid late = 0;   ///< the process that joins
  int looks = 0;  ///< once it was looked for this often
};

}  // namespace

TEST_SUITE("a process that joins a cgroup by itself") {
  TEST_CASE("a child that joins a cgroup by itself is a member at once, and is not moved") {
    const Joining fake;
    CHECK(describe(fake.state->registerPid(101, kJoining)).empty());
    CHECK(fake.state->pids() == std::vector<Pid>{101});
    CHECK(fake.all.asked.empty());
  }

  TEST_CASE("a freeze covers a child that has not joined yet, and a confirmation waits for it") {
    Joining fake;
    fake.state->registerPid(101, kJoining);
    Confirmation confirmation(fake.state, 0, nullptr);
    Confirmation::Progress progress = confirmation.step(kOver);
    while (progress.stage == Confirmation::Stage::Freezing) progress = confirmation.step(kOver);
    CHECK(fake.all.isFrozen());
    // An empty group counts as frozen at once, as with the kernel.
    fake.all.update();
    CHECK(confirmation.step(kOver).stage == Confirmation::Stage::Stopping);
    CHECK(confirmation.step(kOver).step.kind == Step::Kind::Blocked);
    CHECK(confirmation.pending() == std::vector<Pid>{101});
    fake.join(101);
    CHECK(confirmation.step(kOver).stage == Confirmation::Stage::Stopped);
    CHECK(confirmation.pending()->empty());
  }

  TEST_CASE("a confirmation checks its slice between the look-ups of two children that may have joined") {
    Joining fake;
    for (const Pid pid : {101, 102, 103}) fake.state->registerPid(pid, kJoining);
    Confirmation confirmation(fake.state, 0, nullptr);
    Confirmation::Progress progress = confirmation.step(kOver);
    while (progress.stage == Confirmation::Stage::Freezing) progress = confirmation.step(kOver);
    for (const Pid pid : {101, 102, 103}) fake.join(pid);
    fake.all.update();
    int steps = 0;
    for (; progress.stage == Confirmation::Stage::Stopping && steps < 10; ++steps) {
      fake.all.lookups = 0;
      progress = confirmation.step(kOver);
      CHECK(fake.all.lookups <= 1);
    }
    CHECK(progress.stage == Confirmation::Stage::Stopped);
    CHECK(steps >= 3);
  }

  TEST_CASE("a child that has died before it joined does not keep a confirmation waiting") {
    Joining fake;
    fake.state->registerPid(101, kJoining);
    fake.state->registerPid(102);
    Confirmation confirmation(fake.state, 0, nullptr);
    Confirmation::Progress progress = confirmation.step(kOver);
    while (progress.stage == Confirmation::Stage::Freezing) progress = confirmation.step(kOver);
    fake.all.update();
    CHECK(confirmation.step(kOver).stage == Confirmation::Stage::Stopping);
    fake.script.exited(101);
    CHECK(confirmation.step(kOver).stage == Confirmation::Stage::Stopped);
  }

  TEST_CASE("a joining child that has gone is forgotten, so the notes do not grow with all that ever came") {
    Origins& origins = Origins::all();
    const std::uint64_t before = origins.enter("/another", true).owner;
    Joining fake;
    for (Pid pid = 101; pid < 301; ++pid) {
      CHECK(describe(fake.state->registerPid(pid, kJoining)).empty());
      fake.script.exited(pid);
      fake.state->forceUnfreeze();
    }
    CHECK(fake.state->pids() == std::vector<Pid>{});
    CHECK(origins.countOf(before + 1) > 0);
    CHECK(origins.countOf(before + 1) <= 16);
    origins.leave(before);
  }

  TEST_CASE("a child that a freeze has seen inside has joined: if it is moved out then, the next freeze finds that") {
    Joining fake;
    fake.state->registerPid(101, kJoining);
    fake.join(101);
    CHECK(describe(fake.state->freezeAtEpoch(0)) == "frozen");
    fake.state->unfreeze();
    fake.leave(101);
    CHECK(describe(fake.state->freezeAtEpoch(1)).starts_with("CgroupLeft 101"));
  }

  TEST_CASE("a child that is registered again has joined, and is moved in if it is outside") {
    Joining fake;
    fake.state->registerPid(101, kJoining);
    fake.state->registerPid(102, kJoining);
    fake.join(101);
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(fake.all.asked.empty());
    CHECK(describe(fake.state->registerPid(102)).empty());
    CHECK(fake.placeOf(102) == fake.all.group());
    fake.leave(101);
    CHECK(describe(fake.state->freezeAtEpoch(0)).starts_with("CgroupLeft 101"));
  }

  TEST_CASE("a child that has exited when it is registered again is neither looked for nor moved") {
    Joining fake;
    fake.state->registerPid(101, kJoining);
    fake.script.exited(101);
    fake.all.lookups = 0;
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(fake.all.lookups == 0);
    CHECK(fake.all.asked.empty());
    CHECK(describe(fake.state->freezeAtEpoch(0)).starts_with("ProcessNotFound 101"));
  }

  TEST_CASE("a child that has joined leaves to our own cgroup, even if it was inside before it was registered") {
    for (const bool isOwned : {false, true}) {
      Joining fake(isOwned);
      fake.join(101);
      fake.state->registerPid(101, kJoining);
      fake.state->registerPid(102, kJoining);
      fake.join(102);
      CHECK(fake.state->unregisterPid(101).found);
      CHECK(fake.placeOf(101) == fake.all.origin());
      // Closing does not remove the directories of a test.
      fake.state->close();
      CHECK(fake.placeOf(102) == fake.all.origin());
    }
  }

  TEST_CASE("a child that leaves while it joins is waited for, so that it does not come in afterwards") {
    for (const bool isClosing : {false, true}) {
      Joining fake;
      fake.state->registerPid(101, kJoining);
      fake.late = 101;
      fake.looks = 5;
      if (isClosing)
        fake.state->close();
      else
        CHECK(describe(fake.state->unregisterPid(101).failures).empty());
      CHECK(fake.placeOf(101) == fake.all.origin());
    }
  }

  TEST_CASE("a child may not join a group that others have frozen") {
    const Joining fake;
    Hierarchy::write(fake.all.group(), "cgroup.freeze", "1\n");
    CHECK(describe(fake.state->registerPid(101, kJoining)).starts_with("CgroupFrozen 101"));
    CHECK(fake.state->pids() == std::vector<Pid>{});
    CHECK(fake.script.held().empty());
  }
}

}  // namespace freeze_state::test

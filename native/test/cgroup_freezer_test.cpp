#include <doctest/doctest.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "../core/modes/cgroup/freezer.h"
#include "../core/state/confirmation.h"
#include "../core/state/freeze_state.h"
#include "support/describe.h"
#include "support/hierarchy.h"
#include "support/meanwhile.h"
#include "support/script.h"
#include "support/scripted_ledger.h"

namespace freeze_state::test {

namespace {

/// A state in mode `Cgroup` on directories and processes that the test plays.
struct FakeCgroup {
  explicit FakeCgroup(bool isOwned = false) { state = make(isOwned); }

  std::shared_ptr<FreezeState> make(bool isOwned = false) { return makeIn(all.group(), isOwned); }
  std::shared_ptr<FreezeState> makeIn(const std::string& path, bool isOwned) {
    Failures failures;
    auto group = FreezeFile::open({all.root, "/"}, path, isOwned, failures);
    REQUIRE(describe(failures).empty());
    return std::make_shared<FreezeState>(
        Mode::Cgroup,
        std::make_unique<CgroupFreezer>(std::move(group), LoopOptions{.boost = false}, script, &ledger, all.access()));
  }
  std::string placeOf(Pid pid) {
    const auto found = all.where.find(pid);
    return found == all.where.end() ? all.origin() : found->second;
  }

  Hierarchy all;
  Script script;
  ScriptedLedger ledger;
  std::shared_ptr<FreezeState> state;
};

constexpr Deadline kOver{};

/// While it lives no file can be written (EFBIG): a limit on their size stands for a kernel that refuses.
class NoWrites {
 public:
  NoWrites() {
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit none{0, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
    before_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  NoWrites(const NoWrites&) = delete;
  NoWrites& operator=(const NoWrites&) = delete;
  ~NoWrites() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, before_);
  }

 private:
  rlimit old_{};
  void (*before_)(int) = SIG_DFL;
};

/// The result of an operation that cannot write.
template <typename Operation>
auto withoutWrites(Operation operation) {
  const NoWrites none;
  return operation();
}

}  // namespace

TEST_SUITE("mode cgroup on a fake hierarchy") {
  TEST_CASE("a member is moved in when it is registered, and back when it is unregistered or the state is closed") {
    FakeCgroup fake;
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(describe(fake.state->registerPid(102)).empty());
    CHECK(fake.placeOf(101) == fake.all.group());
    CHECK(fake.state->unregisterPid(101).found);
    CHECK(fake.placeOf(101) == fake.all.origin());
    CHECK(describe(fake.state->close()).empty());
    CHECK(fake.placeOf(102) == fake.all.origin());
    CHECK(fake.script.held().empty());
  }

  TEST_CASE("of two states that register one process at the same moment the later one is told that it is taken") {
    FakeCgroup fake(true);
    const std::string other = fake.all.root + "/other";
    std::filesystem::create_directory(other);
    for (const auto& [file, text] : {std::pair("cgroup.freeze", "0\n"), std::pair("cgroup.events", "frozen 0\n")})
      Hierarchy::write(other, file, text);
    const auto later = fake.makeIn(other, true);
    Meanwhile meanwhile;
    std::string answer;
    bool isFirst = true;
    fake.all.onMove = [&](Pid) {
      if (!std::exchange(isFirst, false)) return;
      CHECK(meanwhile.block([&] { answer = describe(later->registerPid(101)); }));
    };
    CHECK(describe(fake.state->registerPid(101)).empty());
    meanwhile.join();
    CHECK(answer == "CgroupHeld 101");
    CHECK(fake.placeOf(101) == fake.all.group());
    CHECK_FALSE(later->unregisterPid(101).found);
    CHECK(describe(fake.state->freezeAtEpoch(0)) == "frozen");
  }

  TEST_CASE("a freeze writes cgroup.freeze and sends no signal, and a thaw writes it again") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    CHECK(describe(fake.state->freezeAtEpoch(0)) == "frozen");
    CHECK(fake.all.isFrozen());
    CHECK(fake.ledger.marked().contains(ScriptedLedger::kCgroup));
    CHECK(describe(fake.state->unfreeze()).empty());
    CHECK_FALSE(fake.all.isFrozen());
    CHECK(fake.ledger.marked().empty());
    CHECK(fake.script.log().empty());
  }

  TEST_CASE("a confirmation is done once cgroup.events says so, and blocked before") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    Confirmation confirmation(fake.state, 0, nullptr);
    Confirmation::Progress progress = confirmation.step(kOver);
    while (progress.stage == Confirmation::Stage::Freezing) progress = confirmation.step(kOver);
    CHECK(progress.stage == Confirmation::Stage::Stopping);
    CHECK(progress.step.kind == Step::Kind::Blocked);
    CHECK(confirmation.pending() == std::vector<Pid>{101});
    fake.all.update();
    CHECK(confirmation.step(kOver).stage == Confirmation::Stage::Stopped);
    CHECK(confirmation.pending()->empty());
  }

  TEST_CASE("G4: a freeze whose write fails leaves nothing frozen, marked or claimed") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    const auto result = withoutWrites([&] { return fake.state->freezeAtEpoch(0); });
    CHECK(describe(result).starts_with("CgroupFailed"));
    CHECK_FALSE(word::isFrozen(fake.state->word()));
    CHECK(fake.ledger.marked().empty());
    const auto other = fake.make();
    other->registerPid(102);
    CHECK(describe(other->freezeAtEpoch(0)) == "frozen");
  }

  TEST_CASE("a thaw whose write fails says so, and keeps the mark until the next one has thawed") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    fake.state->freezeAtEpoch(0);
    const Failures failures = withoutWrites([&] { return fake.state->unfreeze(); });
    REQUIRE(failures.size() == 1);
    CHECK(failures.front().code == FailureCode::CgroupFailed);
    CHECK(failures.front().isStopped);
    CHECK(fake.ledger.marked().contains(ScriptedLedger::kCgroup));
    CHECK(describe(fake.state->unfreeze()).empty());
    CHECK_FALSE(fake.all.isFrozen());
    CHECK(fake.ledger.marked().empty());
  }

  TEST_CASE("G3: a freeze whose epoch has passed writes nothing") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    fake.state->unfreeze();
    CHECK(describe(fake.state->freezeAtEpoch(0)) == "not frozen");
    CHECK_FALSE(fake.all.isFrozen());
  }

  TEST_CASE("G4: a member that was moved out fails the freeze, and is moved in by registering it again") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    fake.all.where[101] = fake.all.origin();
    fake.all.list();
    CHECK(describe(fake.state->freezeAtEpoch(0)) == "CgroupLeft 101");
    CHECK_FALSE(fake.all.isFrozen());
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(describe(fake.state->freezeAtEpoch(0)) == "frozen");
  }

  TEST_CASE("G5: a process that joins a frozen state is in the frozen group") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    fake.state->freezeAtEpoch(0);
    fake.all.update();
    CHECK(describe(fake.state->registerPid(102)).empty());
    CHECK(fake.placeOf(102) == fake.all.group());
  }

  TEST_CASE("G7: a group that we are in, or may be in, is not frozen") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    fake.all.where[Script::kOwnPid] = fake.all.group();
    CHECK(describe(fake.state->freezeAtEpoch(0)).starts_with("CgroupOurs"));
    fake.all.where.erase(Script::kOwnPid);
    fake.all.unknowns[Script::kOwnPid] = EMFILE;
    CHECK(describe(fake.state->freezeAtEpoch(0)).starts_with("ResourceExhausted"));
    CHECK_FALSE(fake.all.isFrozen());
    CHECK(fake.ledger.marked().empty());
  }

  TEST_CASE("G7: where /proc does not tell who is where, the lists of the groups do: we are not frozen") {
    FakeCgroup fake;
    fake.all.isUnseen = true;
    fake.all.where[101] = fake.all.origin();
    fake.all.where[Script::kOwnPid] = fake.all.group();
    fake.all.list();
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(describe(fake.state->freezeAtEpoch(0)).starts_with("CgroupOurs"));
    CHECK_FALSE(fake.all.isFrozen());
    fake.all.where.erase(Script::kOwnPid);
    fake.all.list();
    CHECK(describe(fake.state->freezeAtEpoch(0)) == "frozen");
    CHECK(fake.state->unregisterPid(101).found);
    CHECK(fake.placeOf(101) == fake.all.origin());
  }

  TEST_CASE("a process that no group is seen to have is refused, since it could not be moved back") {
    FakeCgroup fake;
    fake.all.isUnseen = true;
    CHECK(describe(fake.state->registerPid(101)).starts_with("CgroupUnseen 101"));
    CHECK(fake.script.held().empty());
    CHECK(fake.all.asked.empty());
  }

  TEST_CASE("a group that a foreign process has frozen, or one below such a group, is not ours to freeze or to thaw") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    const std::string above = fake.all.root + "/by";
    Hierarchy::write(above, "cgroup.freeze", "1\n");
    Hierarchy::write(fake.all.group(), "cgroup.events", "populated 1\nfrozen 1\n");
    CHECK(describe(fake.state->freezeAtEpoch(0)).starts_with("CgroupFrozen"));
    CHECK_FALSE(fake.all.isFrozen());
    CHECK(describe(fake.state->registerPid(102)).starts_with("CgroupFrozen"));
    CHECK(fake.placeOf(102) == fake.all.origin());
  }

  TEST_CASE("a move that is refused says why, and nothing is registered") {
    for (const auto& [error, text] : {std::pair(EACCES, "CgroupNotPermitted"), std::pair(EBUSY, "CgroupControllers"),
                                      std::pair(ENODEV, "CgroupGone"), std::pair(EIO, "CgroupFailed")}) {
      CAPTURE(text);
      FakeCgroup fake;
      fake.all.refusals[{fake.all.group(), 0}] = error;
      CHECK(describe(fake.state->registerPid(101)).starts_with(text));
      CHECK(describe(fake.state->pids()) == "");
      CHECK(fake.script.held().empty());
    }
  }

  TEST_CASE(
      "a process is in the group of one state: another is refused it, and takes it once the first has let it go") {
    FakeCgroup first;
    // Another group of the same hierarchy, which goes by the same lists.
    FakeCgroup second;
    CHECK(describe(first.state->registerPid(101)).empty());
    second.all.where[101] = first.all.group();
    CHECK(describe(second.state->registerPid(101)).starts_with("CgroupHeld 101"));
    CHECK(describe(second.state->pids()) == "");
    CHECK(second.all.asked.empty());
    CHECK(second.script.held().empty());
    CHECK(first.state->unregisterPid(101).found);
    CHECK(describe(second.state->registerPid(101)).empty());
    CHECK(second.placeOf(101) == second.all.group());
  }

  TEST_CASE("a pid that no process has is not looked for in the lists of the groups") {
    FakeCgroup fake;
    fake.script.absent(101);
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(describe(fake.state->pids()) == "101");
    CHECK(fake.all.lookups == 0);
  }

  TEST_CASE(
      "the descendants of a newcomer come with it, whenever they were born, and each goes back to its own origin") {
    FakeCgroup fake;
    const std::string elsewhere = fake.all.root + "/above";
    fake.all.table.bear(101, 201);
    fake.all.table.bear(201, 301);
    fake.all.where[301] = elsewhere;
    // Until its parent is inside, the children that it forks are not.
    fake.all.onMove = [&](Pid pid) {
      if (pid == 201 && !fake.all.table.parents.contains(302)) fake.all.table.bear(201, 302);
    };
    CHECK(describe(fake.state->registerPid(101)).empty());
    for (const Pid pid : {101, 201, 301, 302}) CHECK(fake.placeOf(pid) == fake.all.group());
    CHECK(describe(fake.state->pids()) == "101");
    CHECK(fake.script.held() == std::multiset<Pid>{101});
    CHECK(fake.state->unregisterPid(101).found);
    for (const Pid pid : {101, 201, 302}) CHECK(fake.placeOf(pid) == fake.all.origin());
    CHECK(fake.placeOf(301) == elsewhere);
  }

  TEST_CASE("a registration moves in a child that the first pass over the children missed and the second one finds") {
    FakeCgroup fake;
    fake.all.table.bear(101, 201);
    int checks = 0;
    fake.all.table.onChildren = [&](Pid pid) {
      if (pid == 101 && ++checks == 2) fake.all.table.bear(101, 202);
    };
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(fake.placeOf(202) == fake.all.group());
    CHECK(checks == 3);
  }

  TEST_CASE("a descendant that cannot be moved fails the registration, and who was moved goes back") {
    FakeCgroup fake;
    const std::string elsewhere = fake.all.root + "/above";
    fake.all.table.bear(101, 201);
    fake.all.table.bear(101, 202);
    fake.all.where[201] = elsewhere;
    fake.all.refusals[{fake.all.group(), 202}] = EACCES;
    CHECK(describe(fake.state->registerPid(101)).starts_with("CgroupNotPermitted 202"));
    CHECK(describe(fake.state->pids()) == "");
    CHECK(fake.script.held().empty());
    CHECK(fake.placeOf(101) == fake.all.origin());
    CHECK(fake.placeOf(201) == elsewhere);
    fake.all.refusals.clear();
    CHECK(describe(fake.state->registerPid(101)).empty());
  }

  TEST_CASE("a descendant that exits, is no child any more, or is another state's is left where it is") {
    FakeCgroup fake;
    for (const Pid child : {201, 202, 203}) fake.all.table.bear(101, child);
    fake.script.absent(201);
    fake.all.table.parents[202] = 1;
    FakeCgroup other;
    other.all.put(203);
    fake.all.where[203] = other.all.group();
    other.state->registerPid(203);
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(fake.all.asked == std::vector<std::pair<std::string, Pid>>{{fake.all.group(), 101}});
  }

  TEST_CASE("a process that we descend from is refused, and none of ours is moved") {
    FakeCgroup fake;
    fake.all.table.bear(101, Script::kOwnPid);
    CHECK(describe(fake.state->registerPid(101)).starts_with("OwnAncestor 101"));
    CHECK(fake.all.asked.empty());
    CHECK(fake.script.held().empty());
  }

  TEST_CASE("what was born in an owned group, and then registered, goes where what it descends from came from") {
    FakeCgroup fake(true);
    CHECK(describe(fake.state->registerPid(101)).empty());
    fake.all.table.bear(101, 500);
    fake.all.table.bear(500, 501);
    fake.all.put(501);
    CHECK(describe(fake.state->registerPid(501)).empty());
    fake.all.asked.clear();
    CHECK(fake.state->unregisterPid(501).found);
    CHECK(fake.placeOf(501) == fake.all.origin());
    CHECK(fake.all.asked.size() == 1);
  }

  TEST_CASE("a member that exits while it is moved counts as one that has exited") {
    FakeCgroup fake;
    fake.all.refusals[{fake.all.group(), 0}] = ESRCH;
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(describe(fake.state->freezeAtEpoch(0)).starts_with("ProcessNotFound 101"));
  }

  TEST_CASE("a process that is exiting when it is registered counts as gone, and fails no freeze of others") {
    FakeCgroup fake;
    fake.all.dying[101] = 1000;
    CHECK(describe(fake.state->registerPid(101)).empty());
    CHECK(describe(fake.state->freezeAtEpoch(0)).starts_with("ProcessNotFound 101"));
    fake.state->registerPid(102);
    CHECK(describe(fake.state->freezeAtEpoch(0)) == "frozen");
  }

  TEST_CASE("closing waits for a member that is exiting, and does not try to move it over and over") {
    FakeCgroup fake(true);
    fake.state->registerPid(101);
    fake.all.dying[101] = 5;
    fake.all.asked.clear();
    fake.state->close();
    CHECK_FALSE(fake.all.where.contains(101));
    CHECK(fake.all.asked.size() == 1);
  }

  TEST_CASE("who keeps the group from being frozen is pending: those that are awake, and all where none is seen") {
    FakeCgroup fake;
    for (const Pid pid : {101, 102}) fake.state->registerPid(pid);
    fake.all.awake = {102, 103};
    fake.all.put(103);
    Confirmation confirmation(fake.state, 0, nullptr);
    while (confirmation.step(kOver).stage == Confirmation::Stage::Freezing) {
    }
    CHECK(confirmation.pending() == std::vector<Pid>{102, 103});
    fake.all.awake.clear();
    CHECK(confirmation.pending() == std::vector<Pid>{101, 102, 103});
  }

  TEST_CASE("a thaw of a group whose directory was removed is no error") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    fake.state->freezeAtEpoch(0);
    std::filesystem::remove_all(fake.all.group());
    CHECK(describe(fake.state->unfreeze()).empty());
    CHECK(fake.ledger.marked().empty());
  }

  TEST_CASE("of two states that were given one group, the second is told that the first has frozen it") {
    FakeCgroup fake;
    const auto other = fake.make();
    fake.state->registerPid(101);
    other->registerPid(102);
    CHECK(describe(fake.state->freezeAtEpoch(0)) == "frozen");
    CHECK(describe(other->freezeAtEpoch(0)).starts_with("CgroupFrozen"));
    CHECK(describe(other->unfreeze()).empty());
    CHECK(fake.all.isFrozen());
    fake.state->unfreeze();
    CHECK(describe(other->freezeAtEpoch(1)) == "frozen");
  }

  TEST_CASE("a forced thaw continues what others have stopped by a signal, and thaws") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    fake.state->freezeAtEpoch(0);
    CHECK(fake.state->forceUnfreeze());
    CHECK_FALSE(fake.all.isFrozen());
    CHECK(fake.script.log() == "continue 101");
  }

  TEST_CASE("closing moves every process out of an owned group, and out of an external one its members alone") {
    for (const bool isOwned : {true, false}) {
      CAPTURE(isOwned);
      FakeCgroup fake(isOwned);
      fake.state->registerPid(101);
      // A process that a member has left behind.
      fake.all.where[500] = fake.all.group();
      fake.all.list();
      fake.state->close();
      CHECK(fake.placeOf(101) == fake.all.origin());
      CHECK(fake.placeOf(500) == (isOwned ? fake.all.origin() : fake.all.group()));
    }
  }

  TEST_CASE("two threads freeze and thaw at once, and after the last thaw nothing is frozen or marked") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    constexpr int kRounds = 300;
    std::thread freezer([&] {
      for (int i = 0; i < kRounds; ++i) fake.state->freezeAtEpoch(word::epochOf(fake.state->word()));
    });
    for (int i = 0; i < kRounds; ++i) fake.state->unfreeze();
    freezer.join();
    fake.state->unfreeze();
    CHECK_FALSE(fake.all.isFrozen());
    CHECK(fake.ledger.marked().empty());
  }
}

}  // namespace freeze_state::test

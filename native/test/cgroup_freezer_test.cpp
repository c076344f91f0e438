#include <doctest/doctest.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

#include "../core/modes/cgroup/freezer.h"
#include "../core/os/guardian.h"
#include "../core/state/confirmation.h"
#include "support/child.h"
#include "support/confirming.h"
#include "support/describe.h"
#include "support/fake_cgroup.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

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

/// A confirmation of twenty members, from 101 on, one of which was stopped before. It has frozen them, and has asked
/// all before that one.
struct Noting {
  static constexpr Pid kStopped = 117;

  Noting() {
    for (Pid pid = 101; pid <= 120; ++pid) fake.state->registerPid(pid);
    fake.script.stopped(kStopped);
    while (confirmation.step(kOver).stage == Confirmation::Stage::Freezing) continue;
  }
  /// The report, once all have been asked.
  std::string finish() {
    fake.all.update();
    while (confirmation.step(kOver).stage == Confirmation::Stage::Stopping) continue;
    return describe(confirmation.report());
  }
  /// The report where these are left, and the one that was stopped is known.
  static std::string from(Pid first) {
    std::string report;
    for (Pid pid = first; pid <= 120; ++pid)
      report += (pid == first ? "" : ", ") + std::to_string(pid) + (pid == kStopped ? " already" : "");
    return report;
  }

  FakeCgroup fake;
  Confirmation confirmation{fake.state, 0, nullptr};
};

}  // namespace

TEST_SUITE("mode cgroup on a fake hierarchy") {
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

  TEST_CASE("a confirmation writes first, and notes which members were stopped before while the kernel freezes") {
    FakeCgroup fake;
    for (Pid pid = 101; pid <= 140; ++pid) fake.state->registerPid(pid);
    fake.script.stopped(140);
    Confirmation confirmation(fake.state, 0, nullptr);
    // The write gets a step of its own, however long this one might be.
    Confirmation::Progress progress = confirmation.step(kNoDeadline - std::chrono::seconds(1));
    CHECK_FALSE(fake.all.isFrozen());
    CHECK(progress.stage == Confirmation::Stage::Freezing);
    progress = confirmation.step(kOver);
    CHECK(fake.all.isFrozen());
    CHECK(progress.stage == Confirmation::Stage::Stopping);
    // Sixteen members in each step, although all has frozen by now.
    fake.all.update();
    int steps = 1;
    for (; progress.stage == Confirmation::Stage::Stopping; ++steps) progress = confirmation.step(kOver);
    CHECK(steps == 3);
    CHECK(progress.stage == Confirmation::Stage::Stopped);
    CHECK(describe(confirmation.report()).ends_with("139, 140 already"));
  }

  TEST_CASE("only a confirmation that freezes notes which members were stopped before, and forgets that for the next") {
    FakeCgroup fake;
    for (const Pid pid : {101, 102}) fake.state->registerPid(pid);
    fake.script.stopped(102);
    const auto report = [&](std::uint64_t epoch) {
      Confirmation confirmation(fake.state, epoch, nullptr);
      Confirmation::Progress progress = confirmation.step(kOver);
      for (; progress.step.isUnfinished(); progress = confirmation.step(kOver)) fake.all.update();
      return describe(confirmation.report());
    };
    CHECK(report(0) == "101, 102 already");
    CHECK(report(0) == "101, 102 already");
    fake.state->unfreeze();
    CHECK(describe(fake.state->freezeAtEpoch(1)) == "frozen");
    CHECK(report(1) == "101, 102");
  }

  TEST_CASE("a report tells by the threads that were read before the freeze which processes are whole inside") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    for (const Pid pid : {201, 202}) fake.all.put(pid);
    const auto report = [&](std::uint64_t epoch, Pid lacking) {
      Confirmation confirmation(fake.state, epoch, nullptr);
      Confirmation::Progress progress = confirmation.step(kOver);
      for (; progress.step.isUnfinished(); progress = confirmation.step(kOver)) fake.all.update();
      // A process of which the first thread has ended is in cgroup.procs still, wherever its others are.
      Hierarchy::write(fake.all.group(), "cgroup.threads", lacking == 201 ? "101\n202\n" : "101\n201\n");
      return describe(confirmation.report());
    };
    CHECK(report(0, 201) == "101, 201, 202");
    // While it is frozen, 203 came, which the list of before has not. So all are read anew.
    fake.all.put(203);
    CHECK(describe(Confirmation(fake.state, 0, nullptr).report()) == "101, 201, 202, 203");
    Hierarchy::write(fake.all.group(), "cgroup.threads", "101\n202\n203\n");
    CHECK(describe(Confirmation(fake.state, 0, nullptr).report()) == "101, 202, 203");
    // The next freeze begins by what is so then.
    CHECK(fake.state->unfreeze().empty());
    fake.all.list();
    CHECK(report(1, 202) == "101, 201, 202, 203");
  }

  TEST_CASE("a member that leaves during a confirmation does not have the one that was stopped before passed over") {
    Noting noting;
    CHECK(noting.fake.state->unregisterPid(101).found);
    CHECK(noting.finish() == Noting::from(102));
  }

  TEST_CASE("nor does one that has exited, and whose pid is registered again meanwhile") {
    Noting noting;
    noting.fake.script.exited(101);
    CHECK(describe(noting.fake.state->registerPid(101)).empty());
    CHECK(noting.finish() == Noting::from(102) + ", 101 gone");
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

  TEST_CASE("a freeze whose write fails while an older one still stands leaves that to the next thaw") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    fake.state->freezeAtEpoch(0);
    withoutWrites([&] {
      CHECK_FALSE(describe(fake.state->unfreeze()).empty());
      CHECK_FALSE(describe(fake.state->freezeAtEpoch(1)) == "frozen");
      return 0;
    });
    CHECK(fake.all.isFrozen());
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

  TEST_CASE("G7: a group that we are in, or may be in, is not frozen") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    fake.all.put(Script::kOwnPid);
    CHECK(describe(fake.state->freezeAtEpoch(0)).starts_with("CgroupOurs"));
    // As soon as there is a group below, we may be in that one.
    std::filesystem::create_directory(fake.all.group() + "/below");
    fake.all.where[Script::kOwnPid] = fake.all.group() + "/below";
    fake.all.list();
    CHECK(describe(fake.state->freezeAtEpoch(0)).starts_with("CgroupOurs"));
    fake.all.where.erase(Script::kOwnPid);
    fake.all.unknowns[Script::kOwnPid] = EMFILE;
    CHECK(describe(fake.state->freezeAtEpoch(0)).starts_with("ResourceExhausted"));
    CHECK_FALSE(fake.all.isFrozen());
    CHECK(fake.ledger.marked().empty());
  }

  TEST_CASE("G7: a group is not frozen while our guardian is in it or below it") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    CHECK(runInFork([&] {
            guardian::setProgram(GUARDIAN_PROGRAM);
            if (guardian::start() == nullptr || !waitUntil([] { return guardian::pid() != 0; })) return 1;
            const Pid guard = guardian::pid();
            const auto isRefused = [&] {
              const auto result = describe(fake.state->freezeAtEpoch(0));
              return result == "CgroupOurs " + std::to_string(guard) && !fake.all.isFrozen();
            };
            fake.all.put(guard);
            if (!isRefused()) return 2;
            std::filesystem::create_directory(fake.all.group() + "/below");
            fake.all.where[guard] = fake.all.group() + "/below";
            fake.all.list();
            if (!isRefused()) return 3;
            fake.all.where[guard] = fake.all.origin();
            if (describe(fake.state->freezeAtEpoch(0)) != "frozen") return 4;
            fake.state->unfreeze();
            // The guardian is moved back in after it was found outside: the list of the group tells.
            fake.all.put(guard);
            if (!describe(fake.state->freezeAtEpoch(1)).starts_with("CgroupOurs")) return 5;
            fake.all.where[guard] = fake.all.group() + "/below";
            fake.all.list();
            return describe(fake.state->freezeAtEpoch(1)).starts_with("CgroupOurs") ? 0 : 6;
          }) == 0);
  }

  TEST_CASE("G7: where /proc does not tell where we are, the lists of the groups do, and we are not frozen") {
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

  TEST_CASE("a group that a foreign process has frozen, or one below such a group, is not ours to freeze") {
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

  TEST_CASE("a thaw below a group that was frozen meanwhile says so, also where it comes before the stops") {
    for (const char* const events : {"populated 1\nfrozen 0\n", "populated 1\nfrozen 1\n"}) {
      CAPTURE(events);
      FakeCgroup fake;
      fake.state->registerPid(101);
      CHECK(describe(fake.state->freezeAtEpoch(0)) == "frozen");
      Hierarchy::write(fake.all.root + "/by", "cgroup.freeze", "1\n");
      Hierarchy::write(fake.all.group(), "cgroup.events", events);
      CHECK(describe(fake.state->unfreeze()).starts_with("CgroupFrozen"));
      CHECK_FALSE(fake.all.isFrozen());
    }
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

  TEST_CASE(
      "the processes that are awake are pending while the group is not frozen, and all where none is seen awake") {
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

  TEST_CASE("the mark of a state whose group another one has thawed by force goes with its own thaw") {
    FakeCgroup fake;
    const auto other = fake.make();
    fake.state->registerPid(101);
    CHECK(describe(fake.state->freezeAtEpoch(0)) == "frozen");
    CHECK(other->forceUnfreeze());
    // A foreign process freezes the group, which is not ours to thaw then.
    Hierarchy::write(fake.all.group(), "cgroup.freeze", "1\n");
    CHECK(describe(fake.state->unfreeze()).empty());
    CHECK(fake.all.isFrozen());
    CHECK(fake.ledger.marked().empty());
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

  TEST_CASE("a closed state has no group on the ledger, whatever could not be moved out, also while the object lives") {
    for (const int refusal : {0, EPERM}) {
      CAPTURE(refusal);
      FakeCgroup fake;
      fake.state->registerPid(101);
      CHECK(describe(fake.state->freezeAtEpoch(0)) == "frozen");
      if (refusal != 0) {
        for (const char* const place : {"", "/above", "/above/origin", "/by"})
          fake.all.refusals[{fake.all.root + place, 0}] = refusal;
      }
      CHECK(fake.state->close().empty() == (refusal == 0));
      CHECK_FALSE(fake.all.isFrozen());
      CHECK(fake.ledger.size() == 0);
    }
  }

  TEST_CASE("the guardian thaws a group that close could not thaw, and does not kill it") {
    FakeCgroup fake;
    fake.state->registerPid(101);
    CHECK(describe(fake.state->freezeAtEpoch(0)) == "frozen");
    CHECK_FALSE(withoutWrites([&] { return fake.state->close(); }).empty());
    CHECK(fake.all.isFrozen());
    fake.state.reset();
    CHECK(fake.ledger.marked().contains(ScriptedLedger::kCgroup));
    CHECK(fake.ledger.spared().contains(ScriptedLedger::kCgroup));
  }

  TEST_CASE("a group that close could not thaw is free for another state once a foreign process has thawed it") {
    FakeCgroup fake;
    const auto other = fake.make();
    fake.state->registerPid(101);
    other->registerPid(102);
    CHECK(describe(fake.state->freezeAtEpoch(0)) == "frozen");
    CHECK_FALSE(withoutWrites([&] { return fake.state->close(); }).empty());
    CHECK(describe(other->freezeAtEpoch(0)).starts_with("CgroupFrozen"));
    Hierarchy::write(fake.all.group(), "cgroup.freeze", "0\n");
    CHECK(describe(other->freezeAtEpoch(0)) == "frozen");
    CHECK(describe(other->unfreeze()).empty());
    CHECK_FALSE(fake.all.isFrozen());
  }

  TEST_CASE("a thaw of what is not recorded thaws a group that the ledger does not have, and no other") {
    for (const bool isFull : {false, true}) {
      CAPTURE(isFull);
      FakeCgroup fake;
      fake.ledger.isFull = isFull;
      Failures failures;
      auto group = FreezableCgroup::open({fake.all.root, "/"}, fake.all.group(), false, failures);
      REQUIRE(describe(failures).empty());
      CgroupFreezer freezer(std::move(group), fake.script, &fake.ledger, fake.all.access());
      MemberList members(fake.script);
      REQUIRE(freezer.stop(members, {}, StoppedBefore::Ignored).isDone());
      CHECK(describe(freezer.resume(members, ResumeScope::Unrecorded)).empty());
      CHECK(fake.all.isFrozen() == !isFull);
      CHECK(freezer.isAnyStopped(members) == !isFull);
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

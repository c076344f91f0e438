#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "support/confirming.h"
#include "support/describe.h"
#include "support/scripted_groups.h"

namespace freeze_state::test {

namespace {

/// Takes steps while there is something to do.
Confirmation::Progress untilBlocked(Confirmation& confirmation) {
  constexpr int kMany = 1000;
  Confirmation::Progress progress;
  for (int steps = 0; progress.stage == Stage::Freezing || progress.step.kind == Step::Kind::More; ++steps) {
    REQUIRE(steps < kMany);
    progress = confirmation.step(kOver);
    if (progress.step.hasFailed() || progress.stage == Stage::Passed) break;
    if (progress.stage == Stage::Stopping) progress = stepFor(confirmation);
  }
  return progress;
}

}  // namespace

TEST_SUITE("process group") {
  TEST_CASE("G2: a member that has moved to another group since it was registered fails the freeze") {
    ScriptedGroups scripted;
    scripted.table.rows[201].group = 301;
    CHECK(describe(scripted.state->freezeAtEpoch(0)) == "NotGroupLeader 201");
    CHECK(scripted.groups.log == " stop 101 continue 101");
    scripted.table.rows[201].group = 201;
    CHECK(describe(scripted.state->freezeAtEpoch(0)) == "frozen");
  }

  TEST_CASE("G2: a member that moves to another group just before its signal fails the freeze") {
    ScriptedGroups scripted;
    // With another in its group, and alone: then the signal reaches no process.
    for (const Pid mover : {101, 201}) {
      scripted.groups.log.clear();
      scripted.groups.onStop = [&](Pid group) { scripted.table.rows[mover].group = group == mover ? 301 : mover; };
      CHECK(describe(scripted.state->freezeAtEpoch(0)) == "NotGroupLeader " + std::to_string(mover));
      CHECK_FALSE(word::isFrozen(scripted.state->word()));
      for (const Pid pid : {101, 102, 103, 201}) CHECK_FALSE(scripted.isStopped(pid));
      scripted.groups.onStop = nullptr;
      scripted.table.rows[mover].group = mover;
    }
    CHECK(describe(scripted.state->freezeAtEpoch(0)) == "frozen");
    for (const Pid pid : {101, 102, 103, 201}) CHECK(scripted.isStopped(pid));
  }

  TEST_CASE("G2: a leader that moves to another group while it is registered is refused, and its group runs") {
    ScriptedGroups scripted;
    CHECK(describe(scripted.state->freezeAtEpoch(0)) == "frozen");
    scripted.table.rows[302] = {301};
    scripted.groups.onStop = [&](Pid group) { scripted.table.rows[group].group = 101; };
    CHECK(describe(scripted.state->registerPid(301)) == "NotGroupLeader 301");
    CHECK(scripted.groups.log.ends_with(" stop 301 continue 301"));
    CHECK_FALSE(scripted.isStopped(302));
    CHECK(scripted.state->pids() == std::vector<Pid>{101, 201});
  }

  TEST_CASE("G7: a group that we join in the middle of a freeze is not stopped") {
    ScriptedGroups scripted;
    scripted.groups.onStop = [&](Pid) { scripted.groups.own = 201; };
    CHECK(describe(scripted.state->freezeAtEpoch(0)) == "OwnGroup 201");
    CHECK(scripted.groups.log == " stop 101 continue 101");
  }

  TEST_CASE("G7: a group that we have joined since it was frozen is not sent SIGSTOP again, nor are we") {
    constexpr int kProbes = 16;
    ScriptedGroups scripted;
    scripted.script.seenAs(101, ProcessState::Running);
    CHECK(describe(scripted.state->freezeAtEpoch(0)) == "frozen");
    scripted.groups.own = 101;
    scripted.table.rows[Script::kOwnPid] = {101, ProcessState::Running};
    SUBCASE("where the table shows all") {}
    SUBCASE("where it hides some") { scripted.table.isHiding = true; }
    Confirmation confirmation(scripted.state, 0, nullptr);
    auto progress = confirmation.step(kOver);
    for (int probes = 0; probes < kProbes && progress.stage != Stage::Stopped; ++probes)
      progress = stepFor(confirmation);
    // Where /proc hides processes, it is unknown whether a whole group has stopped.
    CHECK(progress.stage == (scripted.table.isHiding ? Stage::Stopping : Stage::Stopped));
    CHECK_FALSE(scripted.script.isStopped(Script::kOwnPid));
    CHECK(scripted.groups.log.rfind(" stop 101") == scripted.groups.log.find(" stop 101"));
  }

  TEST_CASE("G7: a foreign group that has the number of a member's group is neither waited for nor stopped") {
    constexpr int kProbes = 16;
    ScriptedGroups scripted;
    scripted.table.rows[202] = {201};
    scripted.groups.deaf.insert(202);
    CHECK(describe(scripted.state->freezeAtEpoch(0)) == "frozen");
    Confirmation confirmation(scripted.state, 0, nullptr);
    SUBCASE("before the walk through all processes") { scripted.reuse(201, 202); }
    SUBCASE("in the walk") {
      scripted.table.onWalk = [&](Pid pid) {
        if (pid == 201) scripted.reuse(201, 202);
      };
    }
    SUBCASE("after the walk") {
      scripted.table.onProbe = [&](Pid pid) {
        if (pid != 202) return;
        scripted.reuse(201, 202);
        scripted.table.rows.erase(201);
      };
    }
    auto progress = confirmation.step(kOver);
    for (int probes = 0; probes < kProbes && progress.stage != Stage::Stopped; ++probes)
      progress = stepFor(confirmation);
    CHECK(progress.stage == Stage::Stopped);
    CHECK_FALSE(scripted.isStopped(202));
    for (const Pid pid : {201, 202}) CHECK_FALSE(scripted.script.isStopped(pid));
  }

  TEST_CASE("G7: a foreign group that has the number of a member's group is not shown in its place") {
    ScriptedGroups scripted;
    scripted.exit(101);
    const auto first = [&] {
      const auto statuses = scripted.state->inspect();
      REQUIRE((statuses && statuses->size() == 2));
      return statuses->front().state;
    };
    CHECK(first() == ProcessState::Sleeping);
    scripted.table.onWalk = [&](Pid pid) {
      if (pid != 101) return;
      for (const Pid member : {102, 103}) scripted.table.rows.erase(member);
      scripted.reuse(101, 401);
      scripted.table.rows[301].group = 101;
    };
    CHECK(first() == ProcessState::Gone);
  }

  TEST_CASE("G7: a foreign group that gets the number in the walk for empty groups does not keep the member alive") {
    ScriptedGroups scripted;
    CHECK(describe(scripted.state->freezeAtEpoch(0)) == "frozen");
    scripted.exit(201);
    scripted.table.onWalk = [&](Pid pid) {
      if (pid == 201) scripted.reuse(201, 202);
    };
    CHECK(scripted.state->unfreeze().empty());
    CHECK(scripted.state->pids() == std::vector<Pid>{101});
  }

  TEST_CASE("G7: a group that we have joined since is not stopped") {
    ScriptedGroups scripted;
    scripted.groups.own = 101;
    CHECK(describe(scripted.state->freezeAtEpoch(0)) == "OwnGroup 101");
    CHECK(scripted.groups.log.empty());
  }

  TEST_CASE("G2: one signal stops a group, and one continues it") {
    ScriptedGroups groups;
    CHECK(groups.state->freezeAtEpoch(0).frozen);
    for (const Pid pid : {101, 102, 103, 201}) CHECK(groups.isStopped(pid));
    CHECK_FALSE(groups.isStopped(301));
    CHECK(groups.state->unfreeze().empty());
    CHECK(groups.groups.log == " stop 101 stop 201 continue 101 continue 201");
  }

  TEST_CASE("a confirmation is done once every process of each group was seen stopped") {
    ScriptedGroups groups;
    groups.groups.deaf.insert(103);
    Confirmation confirmation(groups.state, 0, nullptr);
    auto progress = untilBlocked(confirmation);
    CHECK(progress.stage == Stage::Stopping);
    CHECK(progress.step.kind == Step::Kind::Blocked);
    CHECK(describe(confirmation.pending()) == "103");
    groups.table.rows[103].state = ProcessState::Stopped;
    progress = confirmation.step(kNoDeadline);
    CHECK(progress.stage == Stage::Stopped);
    CHECK(describe(confirmation.report()) == "101, 201");
  }

  TEST_CASE("a process that is found awake is sent SIGSTOP again, by itself") {
    ScriptedGroups groups;
    groups.groups.deaf.insert(102);
    Confirmation confirmation(groups.state, 0, nullptr);
    constexpr int kProbes = 8;
    for (int probes = 0; probes < kProbes; ++probes) stepFor(confirmation);
    CHECK(groups.script.isStopped(102));
    CHECK_FALSE(groups.script.isStopped(103));
  }

  TEST_CASE("a tracee with a pending SIGSTOP is waited for, unless that was sent again and may be left over") {
    ScriptedGroups groups;
    groups.groups.deaf.insert(102);
    groups.table.rows[102].state = ProcessState::Traced;
    // Its tracer runs.
    groups.script.tracers[102] = 301;
    Confirmation first(groups.state, 0, nullptr);
    CHECK(untilBlocked(first).stage == Stage::Stopping);
    CHECK(describe(first.pending()) == "102");
    groups.table.rows[102].state = ProcessState::Running;
    constexpr int kProbes = 16;
    for (int probes = 0; probes < kProbes && groups.script.count(Signal::Stop) == 0; ++probes) stepFor(first);
    CHECK(groups.script.isStopped(102));
    groups.table.rows[102].state = ProcessState::Traced;
    CHECK(first.step(kNoDeadline).stage == Stage::Stopped);
    Confirmation second(groups.state, 0, nullptr);
    CHECK(second.step(kNoDeadline).stage == Stage::Stopped);
    CHECK(groups.state->unfreeze().empty());
    Confirmation afterThaw(groups.state, 1, nullptr);
    CHECK(untilBlocked(afterThaw).stage == Stage::Stopping);
  }

  TEST_CASE("a tracee with a pending SIGSTOP is waited for once its group was registered anew") {
    ScriptedGroups groups;
    groups.groups.deaf.insert(102);
    Confirmation first(groups.state, 0, nullptr);
    constexpr int kProbes = 16;
    for (int probes = 0; probes < kProbes && groups.script.count(Signal::Stop) == 0; ++probes) stepFor(first);
    CHECK(groups.script.isStopped(102));
    groups.state->unregisterPid(101);
    groups.state->registerPid(101);
    groups.table.rows[102].state = ProcessState::Traced;
    Confirmation second(groups.state, 0, nullptr);
    CHECK(untilBlocked(second).stage == Stage::Stopping);
    CHECK(describe(second.pending()) == "102");
  }

  TEST_CASE("a tracee with a pending SIGSTOP counts as stopped once its tracer, in a group that is covered, is") {
    ScriptedGroups groups;
    groups.groups.deaf = {102, 201};
    groups.table.rows[102].state = ProcessState::Traced;
    groups.script.tracers[102] = 201;
    Confirmation confirmation(groups.state, 0, nullptr);
    CHECK(untilBlocked(confirmation).stage == Stage::Stopping);
    CHECK(describe(confirmation.pending()) == "201 102");
    groups.table.rows[201].state = ProcessState::Stopped;
    CHECK(confirmation.step(kNoDeadline).stage == Stage::Stopped);
  }

  TEST_CASE("G4: a process that leaves its group just before it is sent SIGSTOP again runs on") {
    ScriptedGroups groups;
    groups.groups.deaf.insert(102);
    Pid now = 0;
    SUBCASE("for one that is not covered") { now = 301; }
    SUBCASE("for a covered one: it stays stopped") { now = 201; }
    // Only single processes are signalled by the script.
    groups.script.onSend(1, [&groups, now] {
      groups.table.rows[102] = {now, now == 201 ? ProcessState::Stopped : ProcessState::Sleeping};
    });
    Confirmation confirmation(groups.state, 0, nullptr);
    constexpr int kProbes = 8;
    for (int probes = 0; probes < kProbes; ++probes) stepFor(confirmation);
    CHECK(groups.script.isStopped(102) == (now == 201));
    CHECK(groups.script.count(Signal::Stop) == 1);
  }

  TEST_CASE("a child whose fork was in progress when its group was signalled is seen stopped as well") {
    ScriptedGroups groups;
    // It appears when the walk has passed, below its place or above, and its parent stops only then.
    Pid born = 0;
    SUBCASE("with a number that the walk has passed") { born = 50; }
    SUBCASE("with a higher one") { born = 104; }
    SUBCASE("and its parent has exited by then") { born = 51; }
    groups.groups.deaf.insert(103);
    groups.table.onProbe = [&](Pid pid) {
      if (pid != 103 || groups.table.rows.contains(born)) return;
      groups.table.rows[born] = {101, ProcessState::Running};
      groups.table.rows[103].state = ProcessState::Stopped;
      if (born == 51) groups.exit(103);
    };
    Confirmation confirmation(groups.state, 0, nullptr);
    CHECK(untilBlocked(confirmation).stage == Stage::Stopping);
    CHECK(describe(confirmation.pending()) == std::to_string(born));
    groups.table.rows[born].state = ProcessState::Stopped;
    CHECK(stepFor(confirmation).stage == Stage::Stopped);
  }

  TEST_CASE("groups that are as they were are walked to once by the next confirmation, and by the first twice") {
    ScriptedGroups groups;
    int walks = 0;
    groups.table.onWalk = [&](Pid pid) { walks += pid == 301 ? 1 : 0; };
    const auto confirm = [&](std::uint64_t epoch) {
      walks = 0;
      Confirmation confirmation(groups.state, epoch, nullptr);
      CHECK(stepFor(confirmation, std::chrono::hours(1)).stage == Stage::Stopped);
      groups.state->unfreeze();
      return walks;
    };
    CHECK(confirm(0) == 2);
    CHECK(confirm(1) == 1);
    groups.exit(103);
    groups.table.rows.erase(103);
    CHECK(confirm(2) == 1);
    groups.table.rows[104] = {201};
    CHECK(confirm(3) == 2);
    CHECK(confirm(4) == 1);
  }

  TEST_CASE("a traced process that has left its group since the last confirmation is not waited for") {
    ScriptedGroups groups;
    Confirmation first(groups.state, 0, nullptr);
    CHECK(stepFor(first, std::chrono::hours(1)).stage == Stage::Stopped);
    groups.state->unfreeze();
    groups.table.rows[102] = {301, ProcessState::Traced};
    groups.script.tracers[102] = 301;
    Confirmation second(groups.state, 1, nullptr);
    CHECK(untilBlocked(second).stage == Stage::Stopped);
  }

  TEST_CASE("a process that has left its group since is not waited for") {
    ScriptedGroups groups;
    groups.groups.deaf.insert(102);
    Confirmation confirmation(groups.state, 0, nullptr);
    CHECK(untilBlocked(confirmation).stage == Stage::Stopping);
    groups.table.rows[102].group = 301;
    CHECK(confirmation.step(kNoDeadline).stage == Stage::Stopped);
  }

  TEST_CASE("a group without its leader is frozen while a process lives in it, and gone when none does") {
    ScriptedGroups groups;
    groups.exit(101);
    CHECK(groups.state->freezeAtEpoch(0).frozen);
    CHECK(groups.isStopped(102));
    CHECK(groups.state->unfreeze().empty());
    groups.exit(102);
    groups.exit(103);
    groups.groups.log.clear();
    CHECK(groups.state->freezeAtEpoch(1).frozen);
    CHECK(groups.groups.log == " stop 201");
    CHECK(groups.state->pids() == std::vector<Pid>{201});
    CHECK(groups.state->unfreeze().empty());
    groups.exit(201);
    CHECK(describe(groups.state->freezeAtEpoch(2)) == "ProcessNotFound 201 ESRCH");
  }

  TEST_CASE("inspect shows a group without its leader by the process in it that is most awake") {
    ScriptedGroups groups;
    const auto shown = [&] {
      const auto statuses = groups.state->inspect();
      REQUIRE((statuses && statuses->size() == 2));
      CHECK(statuses->front().isStoppedByUs == word::isFrozen(groups.state->word()));
      return statuses->front().state;
    };
    groups.exit(101);
    CHECK(shown() == ProcessState::Sleeping);
    groups.table.rows[103].state = ProcessState::Running;
    CHECK(shown() == ProcessState::Running);
    CHECK(groups.state->freezeAtEpoch(0).frozen);
    CHECK(shown() == ProcessState::Stopped);
    groups.table.rows[103].state = ProcessState::Sleeping;
    CHECK(shown() == ProcessState::Sleeping);
    groups.exit(103);
    CHECK(shown() == ProcessState::Stopped);
    groups.table.isHiding = true;
    CHECK(shown() == ProcessState::Unknown);
    groups.table.isHiding = false;
    CHECK(groups.state->unfreeze().empty());
    CHECK(shown() == ProcessState::Sleeping);
    groups.exit(102);
    CHECK(shown() == ProcessState::Gone);
  }

  TEST_CASE("where processes may be hidden, an empty group counts as alive, and none is confirmed") {
    ScriptedGroups groups;
    groups.table.isHiding = true;
    for (const Pid pid : {101, 102, 103}) groups.exit(pid);
    CHECK(groups.state->freezeAtEpoch(0).frozen);
    CHECK(groups.state->pids() == std::vector<Pid>{101, 201});
    CHECK(groups.state->unfreeze().empty());
    Confirmation confirmation(groups.state, 1, nullptr);
    for (int steps = 0; steps < 100; ++steps) {
      const auto progress = confirmation.step(kOver);
      CHECK_FALSE(progress.step.hasFailed());
      CHECK((progress.stage == Stage::Freezing || progress.stage == Stage::Stopping));
    }
    CHECK(describe(confirmation.pending()) == "101 201");
  }

  TEST_CASE("G4: where processes may be hidden, a group without its leader runs again after a confirmation") {
    ScriptedGroups groups;
    groups.table.isHiding = true;
    groups.exit(101);
    Confirmation confirmation(groups.state, 0, nullptr);
    for (int steps = 0; steps < 100; ++steps) stepFor(confirmation);
    CHECK(groups.isStopped(102));
    CHECK(describe(confirmation.pending()) == "101 201");
    CHECK(confirmation.rollBack(Confirmation::Whose::Any).has_value());
    for (const Pid pid : {102, 103, 201}) CHECK_FALSE(groups.isStopped(pid));
  }

  TEST_CASE("G4: a confirmation for which descriptors or memory run out says so, and all run again") {
    for (const auto& [error, isInWalk, expected] :
         {std::tuple{EMFILE, true, "ResourceExhausted EMFILE"}, std::tuple{ENFILE, true, "ResourceExhausted 23"},
          std::tuple{ENOMEM, true, "ResourceExhausted 12"},
          std::tuple{EMFILE, false, "ResourceExhausted 101 EMFILE"}}) {
      ScriptedGroups groups;
      (isInWalk ? groups.table.walkError : groups.table.readError) = error;
      CHECK(groups.state->freezeAtEpoch(0).frozen);
      Confirmation confirmation(groups.state, 0, nullptr);
      const auto [stage, step] = untilBlocked(confirmation);
      CHECK(stage == Stage::Passed);
      CHECK(describe(step.failures) == expected);
      CHECK(groups.state->word() == word::running(1));
      for (const Pid member : {101, 102, 103, 201}) CHECK_FALSE(groups.isStopped(member));
    }
  }

  TEST_CASE("G4: a confirmation that cannot open a process that is awake, or may have exited, fails and rolls back") {
    ScriptedGroups groups;
    groups.script.refuseOpen(102, FailureCode::ResourceExhausted);
    SUBCASE("it is awake") { groups.groups.deaf.insert(102); }
    SUBCASE("it seems to have exited") { groups.table.rows[102].state = ProcessState::Zombie; }
    CHECK(groups.state->freezeAtEpoch(0).frozen);
    Confirmation confirmation(groups.state, 0, nullptr);
    CHECK(describe(confirmation.step(kNoDeadline).step.failures) == "ResourceExhausted 102");
    CHECK_FALSE(groups.isStopped(101));
  }

  TEST_CASE(
      "a freeze for which descriptors run out in the walk for groups without a leader fails, and a thaw does not") {
    ScriptedGroups groups;
    groups.exit(101);
    groups.table.walkError = EMFILE;
    CHECK(describe(groups.state->freezeAtEpoch(0)) == "ResourceExhausted EMFILE");
    CHECK(groups.groups.log.empty());
    groups.table.walkError = 0;
    CHECK(groups.state->freezeAtEpoch(0).frozen);
    groups.table.walkError = EMFILE;
    CHECK(groups.state->unfreeze().empty());
    CHECK_FALSE(groups.isStopped(102));
  }

  TEST_CASE("G6: the walk for groups without a leader is done in steps, and a thaw ends it") {
    ScriptedGroups groups;
    groups.exit(101);
    Confirmation confirmation(groups.state, 0, nullptr);
    CHECK(confirmation.step(kOver).stage == Stage::Freezing);
    CHECK(groups.table.reads == 1);
    CHECK(groups.groups.log.empty());
    CHECK(groups.state->unfreeze().empty());
    CHECK(confirmation.step(kOver).stage == Stage::Passed);
    CHECK(groups.groups.log.empty());
  }

  // The table has no lock of its own, as a system's needs none: what the thread sanitizer sees here is the state's.
  TEST_CASE("one thread confirms freezes while another thaws, and after the last thaw nothing is stopped") {
    ScriptedGroups groups;
    // So that freezes and thaws walk through all processes, too.
    groups.exit(201);
    std::atomic<bool> isOver{false};
    std::thread freezer([&] {
      constexpr int kRounds = 300;
      for (int i = 0; i < kRounds; ++i) {
        Confirmation confirmation(groups.state, word::epochOf(groups.state->word()), nullptr);
        while (stepFor(confirmation).step.isUnfinished()) continue;
      }
      isOver = true;
    });
    while (!isOver) {
      groups.state->unfreeze();
      groups.state->inspect();
    }
    freezer.join();
    CHECK(groups.state->unfreeze().empty());
    for (const Pid pid : {101, 102, 103}) CHECK_FALSE(groups.isStopped(pid));
    CHECK_FALSE(word::isFrozen(groups.state->word()));
  }

  TEST_CASE("the leaders of many groups are asked for together") {
    constexpr Pid kFirst = 401;
    constexpr Pid kGroups = 100;
    ScriptedGroups scripted;
    for (Pid pid = kFirst; pid < kFirst + kGroups; ++pid) {
      scripted.table.rows[pid] = {pid};
      scripted.state->registerPid(pid);
    }
    const int before = scripted.script.exitQuestions();
    Confirmation confirmation(scripted.state, 0, nullptr);
    CHECK(untilBlocked(confirmation).stage == Stage::Stopped);
    const int asked = scripted.script.exitQuestions() - before;
    CHECK(asked < kGroups / 4);
    scripted.state->unfreeze();
    // Of the last that are asked, too.
    for (const Pid leader : {101, 450, 499}) scripted.exit(leader);
    scripted.groups.log.clear();
    CHECK(describe(scripted.state->freezeAtEpoch(1)) == "frozen");
    // The first group lives without its leader, the others have nothing left.
    CHECK(scripted.groups.log.find(" stop 101 ") != std::string::npos);
    for (const char* const gone : {" stop 450", " stop 499"})
      CHECK(scripted.groups.log.find(gone) == std::string::npos);
  }
}

}  // namespace freeze_state::test

#include "../core/os/ledger.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <memory>
#include <set>

#include "../core/modes/none.h"
#include "../core/modes/process.h"
#include "support/describe.h"
#include "support/script.h"
#include "support/scripted_tree.h"

namespace freeze_state::test {

namespace {

using Pids = std::set<Pid>;

/// A state in mode `Process` on a script, with a ledger, and members 101, 102 and so on.
struct LedgerState {
  explicit LedgerState(int members) {
    constexpr Pid kFirst = 101;
    for (int i = 0; i < members; ++i) state.registerPid(kFirst + i);
  }

  Script script;
  ScriptedLedger ledger;
  FreezeState state{Mode::Process, std::make_unique<ProcessFreezer>(LoopOptions{.boost = false}, script, &ledger)};
};

/// A state whose members are to end with us.
struct EndingState {
  explicit EndingState(Mode mode) {
    std::unique_ptr<Freezer> freezer = std::make_unique<ProcessFreezer>(LoopOptions{.boost = false}, script, &ledger);
    if (mode == Mode::None) freezer = std::make_unique<NoneFreezer>(script);
    state = std::make_unique<FreezeState>(mode, std::move(freezer), &ledger);
  }

  Script script;
  ScriptedLedger ledger;
  std::unique_ptr<FreezeState> state;
};

/// The processes that `inspect` shows as unguarded.
Pids unguarded(FreezeState& state) {
  Pids pids;
  const auto all = state.inspect();
  REQUIRE(all.has_value());
  for (const MemberStatus& one : *all) {
    if (one.isUnguarded) pids.insert(one.pid);
  }
  return pids;
}

}  // namespace

TEST_SUITE("the ledger marks what may be stopped by us") {
  TEST_CASE("a member is marked before SIGSTOP is sent, and until SIGCONT was") {
    LedgerState guarded(2);
    Pids atFirstStop;
    Pids atSecondStop;
    Pids atFirstContinue;
    Pids atSecondContinue;
    guarded.script.onSend(1, [&] { atFirstStop = guarded.ledger.marked(); });
    guarded.script.onSend(2, [&] { atSecondStop = guarded.ledger.marked(); });
    guarded.script.onSend(3, [&] { atFirstContinue = guarded.ledger.marked(); });
    guarded.script.onSend(4, [&] { atSecondContinue = guarded.ledger.marked(); });
    CHECK(describe(guarded.state.freezeAtEpoch(0)) == "frozen");
    CHECK(guarded.ledger.marked() == Pids{101, 102});
    CHECK(describe(guarded.state.unfreeze()).empty());
    CHECK(atFirstStop == Pids{101});
    CHECK(atSecondStop == Pids{101, 102});
    CHECK(atFirstContinue == Pids{101, 102});
    CHECK(atSecondContinue == Pids{102});
    CHECK(guarded.ledger.marked().empty());
  }

  TEST_CASE("a member that may not be stopped, and those that are rolled back with it, keep no mark") {
    LedgerState guarded(3);
    guarded.script.answer(102, Signal::Stop, EPERM);
    CHECK(describe(guarded.state.freezeAtEpoch(0)) == "PermissionDenied 102 EPERM");
    CHECK(guarded.ledger.marked().empty());
  }

  TEST_CASE("a member that refuses to be continued keeps its mark until a later thaw continues it") {
    LedgerState guarded(2);
    guarded.state.freezeAtEpoch(0);
    guarded.script.answer(101, Signal::Continue, EPERM);
    CHECK_FALSE(describe(guarded.state.unfreeze()).empty());
    CHECK(guarded.ledger.marked() == Pids{101});
    guarded.script.answer(101, Signal::Continue, 0);
    CHECK(describe(guarded.state.unfreeze()).empty());
    CHECK(guarded.ledger.marked().empty());
  }

  TEST_CASE("a process that joins a frozen state is marked, and one that leaves is off the ledger") {
    LedgerState guarded(1);
    guarded.state.freezeAtEpoch(0);
    CHECK(describe(guarded.state.registerPid(201)).empty());
    CHECK(guarded.ledger.marked() == Pids{101, 201});
    guarded.state.unregisterPid(201);
    CHECK(guarded.ledger.marked() == Pids{101});
    CHECK(guarded.ledger.size() == 1);
  }

  TEST_CASE("a member that has exited is off the ledger once it is dropped") {
    LedgerState guarded(2);
    guarded.state.freezeAtEpoch(0);
    guarded.script.exited(102);
    guarded.script.answer(102, Signal::Continue, ESRCH);
    guarded.state.unfreeze();
    CHECK(guarded.ledger.marked().empty());
    CHECK(guarded.ledger.size() == 1);
  }

  TEST_CASE("closing a state leaves nothing on the ledger") {
    LedgerState guarded(2);
    guarded.state.freezeAtEpoch(0);
    guarded.state.close();
    CHECK(guarded.ledger.size() == 0);
  }

  TEST_CASE("a freeze does not need room on the ledger") {
    LedgerState guarded(2);
    guarded.ledger.isFull = true;
    CHECK(describe(guarded.state.freezeAtEpoch(0)) == "frozen");
    CHECK(guarded.ledger.marked().empty());
    CHECK(describe(guarded.state.unfreeze()).empty());
  }

  TEST_CASE("a member that is stopped and not on the ledger is shown as unguarded, and one that runs is not") {
    LedgerState guarded(2);
    CHECK(unguarded(guarded.state).empty());
    guarded.state.freezeAtEpoch(0);
    CHECK(unguarded(guarded.state).empty());
    guarded.ledger.isFull = true;
    guarded.state.registerPid(201);
    CHECK(unguarded(guarded.state) == Pids{201});
    guarded.state.unfreeze();
    CHECK(unguarded(guarded.state).empty());
  }

  TEST_CASE("the first stop of a member waits for a reader, and the next ones do not") {
    LedgerState guarded(2);
    guarded.state.freezeAtEpoch(0);
    guarded.state.unfreeze();
    CHECK(guarded.ledger.waits == 2);
    guarded.state.freezeAtEpoch(1);
    CHECK(guarded.ledger.waits == 2);
  }

  TEST_CASE("descendants of a tree are marked while they are stopped, and off the ledger after the thaw") {
    ScriptedTree tree;
    std::vector<Pids> atSend;
    tree.script.onEverySend([&] { atSend.push_back(tree.ledger.marked()); });
    CHECK(describe(tree.state->freezeAtEpoch(0)) == "frozen");
    CHECK(tree.ledger.marked() == Pids{101, 201, 202, 301});
    REQUIRE(atSend.size() == 4);
    for (std::size_t i = 0; i < atSend.size(); ++i) CHECK(atSend[i].size() == i + 1);
    CHECK(describe(tree.state->unfreeze()).empty());
    CHECK(tree.ledger.marked().empty());
    CHECK(tree.ledger.size() == 1);
  }

  TEST_CASE("a descendant that a foreign process has stopped is not marked") {
    ScriptedTree tree;
    tree.table.stopped.insert(202);
    tree.script.stopped(202);
    CHECK(describe(tree.state->freezeAtEpoch(0)) == "frozen");
    CHECK(tree.ledger.marked() == Pids{101, 201, 301});
  }

  TEST_CASE(
      "a descendant that is registered while it is stopped stays marked, and so it does when it is unregistered") {
    ScriptedTree tree;
    tree.state->freezeAtEpoch(0);
    CHECK(describe(tree.state->registerPid(201)).empty());
    CHECK(tree.ledger.marked() == Pids{101, 201, 202, 301});
    tree.state->unregisterPid(201);
    CHECK(tree.ledger.marked() == Pids{101, 201, 202, 301});
    tree.state->unfreeze();
    CHECK(tree.ledger.marked().empty());
    CHECK(tree.ledger.size() == 1);
  }
}

TEST_SUITE("the ledger has what is to end with us") {
  TEST_CASE("a member that is to end with us is on the ledger from its registration on, until it leaves") {
    for (const Mode mode : {Mode::None, Mode::Process}) {
      CAPTURE(static_cast<int>(mode));
      EndingState ending(mode);
      CHECK(describe(ending.state->registerPid(101)).empty());
      CHECK(describe(ending.state->registerPid(102)).empty());
      CHECK(ending.ledger.size() == 2);
      CHECK(ending.ledger.waits == 2);
      ending.state->unregisterPid(101);
      CHECK(ending.ledger.size() == 1);
      ending.state->close();
      CHECK(ending.ledger.size() == 0);
    }
  }

  TEST_CASE("a member that has exited is not on the ledger") {
    EndingState ending(Mode::Process);
    ending.script.exited(101);
    ending.state->registerPid(101);
    CHECK(ending.ledger.size() == 0);
  }

  TEST_CASE("a member that is to end with us and is not on the ledger is shown as unguarded until it exits") {
    for (const Mode mode : {Mode::None, Mode::Process}) {
      CAPTURE(static_cast<int>(mode));
      EndingState ending(mode);
      ending.state->registerPid(101);
      CHECK(unguarded(*ending.state).empty());
      ending.ledger.isFull = true;
      ending.state->registerPid(102);
      CHECK(unguarded(*ending.state) == Pids{102});
      ending.script.exited(102);
      CHECK(unguarded(*ending.state).empty());
    }
  }

  TEST_CASE("members stay on the ledger where the state is destroyed and was not closed") {
    EndingState ending(Mode::Process);
    ending.state->registerPid(101);
    ending.state.reset();
    CHECK(ending.ledger.size() == 1);
  }
}

}  // namespace freeze_state::test

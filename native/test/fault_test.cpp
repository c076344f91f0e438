#include <doctest/doctest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/os/process_table.h"
#include "support/describe.h"
#include "support/fault_list.h"
#include "support/fault_operations.h"
#include "support/faults_page.h"

namespace freeze_state::test {

namespace {

/// One mode, one operation, one fault, and what is wrong afterwards.
class Case {
 public:
  Case(std::unique_ptr<FaultySystem> system, const Operation& operation, const Fault& fault)
      : system_(std::move(system)), operation_(operation), fault_(fault) {}

  std::vector<std::string> problems() {
    FreezeState& state = *system_->state;
    if (operation_.isFrozen) state.freezeAtEpoch(0);
    system_->faults.begin(fault_);
    answer_ = operation_.run(*system_);
    system_->faults.end();
    checkFailures();
    checkStopped();
    checkMembers();
    checkAfterwards();
    return problems_;
  }

 private:
  void expect(bool isSo, const std::string& what) {
    if (!isSo) problems_.push_back(what + "; answer: " + describe(answer_.failures));
  }
  bool isNamed(std::string_view name) const { return std::string_view(operation_.name).starts_with(name); }
  bool isClosed() const { return system_->state->word() == word::kClosed; }

  /// The errors are those that the fault must give, with its errno(3).
  void checkFailures() {
    const FaultyCall& call = faultyCalls().at(fault_.call);
    const auto expected = call.failing.find(fault_.error);
    for (const Failure& failure : answer_.failures) {
      // A member that has no process left.
      if (fault_.error == ESRCH && failure.code == FailureCode::ProcessNotFound) continue;
      const bool isExpected = expected != call.failing.end() && failure.code == expected->second;
      // The group to which a process was to be moved is gone, and not the one in which it was.
      const bool isElsewhere = failure.code == FailureCode::CgroupMissing && fault_.call == "write cgroup.procs" &&
                               (fault_.error == ENOENT || fault_.error == ENODEV);
      const bool isRight = isExpected || isElsewhere;
      // Only processes that live are asked about, so ESRCH means that the process is hidden.
      const bool isHidden = failure.error == EACCES && fault_.error == ESRCH;
      expect(isRight && (failure.error == fault_.error || isHidden), "the error is not the right one");
    }
    // A lack of descriptors or memory must not be reported as a process that does not stop.
    const bool isLack =
        (fault_.call == "getdents64 /proc" || fault_.call == "pidfd_open") && isOutOfResources(fault_.error);
    expect(answer_.isTrue || !answer_.failures.empty() || !isLack, "no word of what was lacking");
    const bool isAnswered = answer_.isTrue || !answer_.failures.empty() || isNamed("confirm");
    expect(isAnswered, "false without a reason");
  }

  /// If the state is frozen, all that lives is stopped. Else nothing is, except what an error names as still stopped.
  void checkStopped() {
    if (word::isFrozen(system_->state->word()) && !isClosed()) {
      expect(system_->awake().empty(), "frozen, and something runs");
      return;
    }
    std::set<Pid> named;
    for (const Failure& failure : answer_.failures) {
      if (failure.isStopped) named.insert(failure.pid);
    }
    const std::set<Pid> stopped = system_->stopped();
    // A forced thaw reports no failures.
    if (!isNamed("forced")) expect(stopped == named, "what is stopped is not what the error says");
    const bool isRefused = fault_.call.ends_with("SIGCONT") || fault_.call == "pwrite cgroup.freeze";
    expect(stopped.empty() || isRefused, "stopped, and nothing refused to be continued");
  }

  void checkMembers() {
    const auto pids = system_->state->pids();
    const auto has = [&](Pid pid) { return pids && std::ranges::find(*pids, pid) != pids->end(); };
    const bool hasFailed = !answer_.failures.empty();
    if (isNamed("register")) expect(has(FaultySystem::kNewcomer) != hasFailed, "half registered");
    if (isNamed("unregister")) expect(has(FaultySystem::kMember) == hasFailed, "half unregistered");
    if (isNamed("freeze")) expect(word::isFrozen(system_->state->word()) == answer_.isTrue, "the state says otherwise");
    if (isNamed("close")) expect(isClosed(), "not closed");
  }

  /// Once nothing fails any more, the state works, and at the end nothing is left of it.
  void checkAfterwards() {
    FreezeState& state = *system_->state;
    if (!isClosed()) {
      expect(describe(state.unfreeze()).empty(), "the next thaw fails");
      expect(system_->stopped().empty(), "the next thaw leaves something stopped");
      const std::string again = describe(state.freezeAtEpoch(word::epochOf(state.word())));
      const bool isAnyoneLeft = fault_.error != ESRCH;
      expect(again == "frozen" || !isAnyoneLeft, "the next freeze fails: " + again);
      expect(again != "frozen" || system_->awake().empty(), "the next freeze leaves something running");
      expect(describe(state.close()).empty(), "closing fails");
      expect(system_->stopped().empty(), "closing leaves something stopped");
    }
    expect(system_->script.held().empty(), "a descriptor leaks");
    system_->state.reset();  // with its freezer
    // A group that closing could not thaw stays on it, for the guardian to thaw.
    const std::set<Pid> kept = system_->ledger.spared();
    expect(system_->ledger.size() == kept.size(), "a line of the ledger leaks");
    const bool isLeftStopped = !system_->stopped().empty() && system_->ledger.marked() == kept;
    expect(kept.empty() || isLeftStopped, "a line of the ledger stays for what runs");
  }

  const std::unique_ptr<FaultySystem> system_;
  const Operation& operation_;
  const Fault& fault_;
  Answer answer_;
  std::vector<std::string> problems_;
};

using Make = std::unique_ptr<FaultySystem> (*)();

template <typename System>
std::unique_ptr<FaultySystem> make() {
  return std::make_unique<System>();
}

struct Column {
  const char* mode;
  Make make;
};

constexpr std::array kColumns{Column{"process", make<FaultyProcesses>},
                              Column{"process-group", make<FaultyGroupSystem>},
                              Column{"process-tree", make<FaultyTree>}, Column{"cgroup", make<FaultyCgroup>}};

/// Which calls an operation makes, and how often.
std::map<std::string, std::size_t> callsOf(const Column& column, const Operation& operation) {
  // The first call in a process reads whether the machine lets real-time threads run; that is not counted.
  SignalLoop::canBoost();
  const auto system = column.make();
  if (operation.isFrozen) system->state->freezeAtEpoch(0);
  system->faults.begin({});
  operation.run(*system);
  system->faults.end();
  return system->faults.counts();
}

std::vector<int> errorsOf(const std::string& call) {
  std::vector<int> errors = faultyCalls().at(call).harmless;
  for (const auto& [error, _] : faultyCalls().at(call).failing) errors.push_back(error);
  return errors;
}

/// Whether the fault is also tried as one that lasts. Not where the state of processes cannot be read: a confirmation
/// does not end by that, and a walk asks again and again for a second. And not where a read is made again because a
/// signal has interrupted it.
bool canLast(const Fault& fault) {
  return fault.call != "open /proc/PID/stat" && (fault.call != "pread" || fault.error != EINTR);
}

/// Leaves the real-time class, after a fault has refused that: no other test may run in it.
void leaveRealTime() {
  const sched_param none{};
  syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none);
}

void inject(const Column& column, const Operation& operation) {
  std::vector<std::string> problems;
  for (const auto& [call, count] : callsOf(column, operation)) {
    CAPTURE(call);
    REQUIRE(faultyCalls().contains(call));
    for (const int error : errorsOf(call)) {
      for (std::size_t nth = 1; nth <= count; ++nth) {
        for (const bool isLasting : {false, true}) {
          const Fault fault{call, nth, error, isLasting};
          if (isLasting && !canLast(fault)) continue;
          for (const std::string& problem : Case(column.make(), operation, fault).problems()) {
            std::string where = call;
            where.append(" ").append(nameOfError(error)).append(" at call ").append(std::to_string(nth));
            where.append(isLasting ? " and later: " : ": ").append(problem);
            problems.push_back(std::move(where));
          }
          leaveRealTime();
        }
      }
    }
  }
  std::string text;
  constexpr std::size_t kEnough = 20;
  for (std::size_t i = 0; i < std::min(problems.size(), kEnough); ++i) text.append("\n").append(problems[i]);
  INFO(std::string(column.mode) << ", " << std::string(operation.name) << ":" << text);
  CHECK(problems.empty());
}

/// The table of docs/faults.md.
std::string table() {
  std::map<std::string, std::map<std::string, std::string>> cells;
  for (const Column& column : kColumns) {
    for (const Operation& operation : operations()) {
      for (const auto& [call, _] : callsOf(column, operation)) {
        std::string& cell = cells[call][column.mode];
        cell += (cell.empty() ? "" : ", ") + std::string(operation.name);
      }
    }
  }
  std::string text = "| call | fails with | process | process-group | process-tree | cgroup |\n";
  text += "| --- | --- | --- | --- | --- | --- |\n";
  for (const auto& [call, modes] : cells) {
    text.append("| `").append(call).append("` | ").append(namesOf(errorsOf(call)));
    for (const Column& column : kColumns) {
      const auto cell = modes.find(column.mode);
      text.append(" | ").append(cell == modes.end() ? "-" : cell->second);
    }
    text += " |\n";
  }
  return text;
}

}  // namespace

TEST_SUITE("faults") {
  TEST_CASE("each call that an operation makes fails in turn, and the promises hold") {
    for (const Column& column : kColumns) {
      for (const Operation& operation : operations()) inject(column, operation);
    }
  }

  TEST_CASE("docs/faults.md shows what was injected") { checkFaultsPageShows(table()); }
}

}  // namespace freeze_state::test

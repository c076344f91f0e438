#pragma once

#include <array>
#include <memory>
#include <set>
#include <string>

#include "../../core/modes/cgroup/freezer.h"
#include "../../core/state/freeze_state.h"
#include "faulty.h"
#include "hierarchy.h"
#include "scripted_ledger.h"

/// A state of each mode on a system whose calls can fail: members 101 and 201, in modes process and tree more, and
/// 401 that may become one.
namespace freeze_state::test {

struct FaultySystem {
  static constexpr Pid kMember = 101;
  static constexpr Pid kOther = 201;
  static constexpr Pid kNewcomer = 401;
  /// With the two above there are enough for a loop over them to be boosted.
  static constexpr std::array<Pid, 14> kMore{501, 502, 503, 504, 505, 506, 507, 508, 509, 510, 511, 512, 513, 514};
  static_assert(kMore.size() + 2 == SignalLoop::kMany);

  FaultySystem() = default;
  FaultySystem(const FaultySystem&) = delete;
  FaultySystem& operator=(const FaultySystem&) = delete;
  virtual ~FaultySystem() = default;

  /// What is stopped, by the pids that failures would name; a control group is 0.
  virtual std::set<Pid> stopped() const = 0;
  /// What the members cover and what lives and runs.
  virtual std::set<Pid> awake() const = 0;

  Faults faults;
  FaultyScript script{faults};
  ScriptedLedger ledger;
  std::shared_ptr<FreezeState> state;  ///< to be gone before the rest of the system is

 protected:
  void make(Mode mode, std::unique_ptr<Freezer> freezer) {
    state = std::make_shared<FreezeState>(mode, std::move(freezer));
    state->registerPid(kMember);
    state->registerPid(kOther);
  }
  void registerMore() const {
    for (const Pid pid : kMore) state->registerPid(pid);
  }
  std::set<Pid> stoppedOf(std::set<Pid> pids) const {
    pids.insert(kMore.begin(), kMore.end());
    std::erase_if(pids, [this](Pid pid) { return !script.isStopped(pid); });
    return pids;
  }
  bool isAlive(Pid pid) const {
    Process process{.pid = pid};
    return const_cast<FaultyScript&>(script).Script::probe(process) != ProcessState::Gone;
  }
  std::set<Pid> awakeOf(const std::set<Pid>& pids) const {
    std::set<Pid> awake;
    for (const Pid pid : pids) {
      if (isAlive(pid) && !script.isStopped(pid)) awake.insert(pid);
    }
    return awake;
  }
  std::set<Pid> members() const {
    const auto pids = state->pids();
    return pids ? std::set<Pid>(pids->begin(), pids->end()) : std::set<Pid>();
  }
};

struct FaultyProcesses final : FaultySystem {
  ~FaultyProcesses() override { state.reset(); }
  FaultyProcesses() {
    make(Mode::Process, std::make_unique<ProcessFreezer>(LoopOptions(), script, &ledger));
    registerMore();
  }
  std::set<Pid> stopped() const override { return stoppedOf({kMember, kOther, kNewcomer}); }
  std::set<Pid> awake() const override { return awakeOf(members()); }
};

/// 101 has 102, which has 103; 201 has no child; 401 has 402. 201 is no child of 101.
struct FaultyTree final : FaultySystem {
  ~FaultyTree() override { state.reset(); }
  FaultyTree() {
    for (const auto& [parent, child] :
         {std::pair<Pid, Pid>{1, 101}, {1, 201}, {1, 401}, {101, 102}, {102, 103}, {401, 402}})
      table.bear(parent, child);
    for (const Pid pid : kMore) table.bear(1, pid);
    script.onDeath = [this](Pid pid) {
      for (const Pid child : std::vector<Pid>(table.childrenOf[pid])) table.give(child, 1);
      std::erase(table.childrenOf[table.parents[pid]], pid);
      table.errors[pid] = ESRCH;
    };
    make(Mode::ProcessTree, std::make_unique<TreeFreezer>(LoopOptions(), script, table, &ledger));
    registerMore();
  }
  std::set<Pid> stopped() const override { return stoppedOf({101, 102, 103, 201, 401, 402}); }
  std::set<Pid> awake() const override {
    std::set<Pid> covered;
    for (const Pid pid : members()) add(covered, pid);
    return awakeOf(covered);
  }

  FaultyTable table{faults};

 private:
  // NOLINTNEXTLINE(misc-no-recursion): three deep
  void add(std::set<Pid>& covered, Pid pid) const {
    covered.insert(pid);
    const auto children = table.childrenOf.find(pid);
    if (children == table.childrenOf.end()) return;
    for (const Pid child : children->second) add(covered, child);
  }
};

/// 102 is in the group of 101. The leader of 201's has exited; 202 is left.
struct FaultyGroupSystem final : FaultySystem {
  ~FaultyGroupSystem() override { state.reset(); }
  FaultyGroupSystem() {
    for (const Pid pid : {101, 102}) table.rows[pid] = {101};
    for (const Pid pid : {201, 202}) table.rows[pid] = {201};
    table.rows[401] = {401};
    script.onDeath = [this](Pid pid) { table.rows.erase(pid); };
    table.onDeath = [this](Pid pid) { script.die(pid); };
    make(Mode::ProcessGroup, std::make_unique<ProcessGroupFreezer>(LoopOptions(), groups, table, &ledger));
    table.rows[201].state = ProcessState::Zombie;
    script.exited(201);
  }
  std::set<Pid> stopped() const override {
    std::set<Pid> stopped;
    for (const auto& [pid, row] : table.rows) {
      if (row.state == ProcessState::Stopped) stopped.insert(row.group);
    }
    return stopped;
  }
  std::set<Pid> awake() const override {
    const std::set<Pid> groupsOfOurs = members();
    std::set<Pid> awake;
    for (const auto& [pid, row] : table.rows) {
      if (groupsOfOurs.contains(row.group) && row.state == ProcessState::Sleeping) awake.insert(pid);
    }
    return awake;
  }

  FaultyGroupTable table{faults};
  FaultyGroups groups{faults, script, table};
};

/// 401 has 402, which comes with it.
struct FaultyCgroup final : FaultySystem {
  ~FaultyCgroup() override { state.reset(); }
  FaultyCgroup() {
    table.bear(401, 402);
    script.onDeath = [this](Pid pid) {
      all.where.erase(pid);
      all.list();
      for (const Pid child : std::vector<Pid>(table.childrenOf[pid])) table.give(child, 1);
      std::erase(table.childrenOf[table.parents[pid]], pid);
      table.errors[pid] = ESRCH;
    };
    CgroupAccess access = all.access();
    access.table = &table;
    access.find = [this, find = access.find](Pid pid, const cgroup::Mount& mount, std::string& directory) {
      const int error = faults.answer("open /proc/PID/cgroup");
      if (error == ESRCH && pid != Script::kOwnPid) script.die(pid);
      return error == 0 ? find(pid, mount, directory) : error;
    };
    access.move = [this, move = access.move](const std::string& directory, Pid pid) {
      const int error = faults.answer("write cgroup.procs");
      if (error == ESRCH) script.die(pid);
      return error == 0 ? move(directory, pid) : error;
    };
    Failures failures;
    auto group = FreezableCgroup::open({all.root, "/"}, all.group(), false, failures);
    make(Mode::Cgroup, std::make_unique<CgroupFreezer>(std::move(group), script, &ledger, access));
  }
  std::set<Pid> stopped() const override { return all.isFrozen() ? std::set<Pid>{0} : std::set<Pid>(); }
  std::set<Pid> awake() const override {
    std::set<Pid> awake;
    std::set<Pid> covered = members();
    if (covered.contains(401) && table.parents[402] == 401) covered.insert(402);
    for (const Pid pid : covered) {
      const auto place = all.where.find(pid);
      const bool isInside = place != all.where.end() && place->second == all.group();
      if (isAlive(pid) && !(isInside && all.isFrozen())) awake.insert(pid);
    }
    return awake;
  }

  Hierarchy all;
  mutable FaultyTable table{faults};
};

}  // namespace freeze_state::test

#pragma once

#include <cerrno>
#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "../../core/modes/process_group.h"
#include "../../core/state/freeze_state.h"
#include "script.h"

namespace freeze_state::test {

/// A table of processes that are in groups, as the test wrote it.
class GroupTable : public ProcessTable {
 public:
  struct Row {
    Pid group = 0;
    ProcessState state = ProcessState::Sleeping;
  };
  std::map<Pid, Row> rows;
  bool isHiding = false;
  int walkError = 0;  ///< a walk ends with it at once
  int readError = 0;  ///< the answer to every question about a process, whose state is then unknown
  int reads = 0;
  std::function<void(Pid)> onWalk;   ///< runs where a walk comes to a process
  std::function<void(Pid)> onProbe;  ///< runs before a probe of a process

  bool isAvailable() const noexcept override { return true; }
  bool showsAll() const noexcept override { return !isHiding; }
  int read(Pid pid, ProcessEntry& entry) noexcept override {
    ++reads;
    if (readError != 0) return readError;
    const auto row = rows.find(pid);
    if (row == rows.end()) return ESRCH;
    entry = {.state = row->second.state == ProcessState::Zombie ? 'Z' : 'S', .group = row->second.group, .threads = 1};
    return 0;
  }
  ProcessState probe(Pid pid) noexcept override {
    if (onProbe) onProbe(pid);
    const auto row = rows.find(pid);
    if (readError != 0) return ProcessState::Unknown;
    return row == rows.end() ? ProcessState::Gone : row->second.state;
  }
  std::optional<ProcessState> probe(Pid pid, ThreadScan& /*scan*/, const Slice& /*slice*/) noexcept override {
    return probe(pid);
  }
  Pid groupOf(Pid pid) noexcept override {
    const auto row = rows.find(pid);
    return row == rows.end() ? 0 : row->second.group;
  }
  bool sharesMemory(Pid /*parent*/, Pid /*child*/) noexcept override { return false; }
  std::unique_ptr<ProcessWalk> walk() override { return std::make_unique<Walk>(*this); }
  std::unique_ptr<ChildReader> children() override { return nullptr; }

 private:
  class Walk final : public ProcessWalk {
   public:
    explicit Walk(const GroupTable& table) : table_(table), error_(table.walkError) {
      if (error_ != 0) return;
      for (const auto& [pid, _] : table.rows) pids_.push_back(pid);
    }
    bool next(Pid& pid) noexcept override {
      if (next_ == pids_.size()) return false;
      pid = pids_[next_++];
      if (table_.onWalk) table_.onWalk(pid);
      return true;
    }
    int error() const noexcept override { return error_; }

   private:
    const GroupTable& table_;
    const int error_;
    std::vector<Pid> pids_;
    std::size_t next_ = 0;
  };
};

/// Groups that are led by processes of a script. A signal reaches all of a group but those that are deaf to it.
class Groups : public GroupControl {
 public:
  Groups(Script& processes, GroupTable& table) : GroupControl(processes), table_(table) {}
  mutable std::string log;
  std::set<Pid> deaf;
  std::set<Pid> reused;             ///< numbers that another group has by now: no signal to a member reaches that one
  std::function<void(Pid)> onStop;  ///< runs before a group is stopped
  std::function<void()> onSignal;   ///< runs before a group is stopped or continued
  Pid own = 1;                      ///< the group that we are in

  Failures open(Pid pid, Process& leader) noexcept override { return processes().open(pid, leader); }

 protected:
  Pid groupOf(Pid pid) const noexcept override { return table_.groupOf(pid); }
  Pid ownGroup() const noexcept override { return own; }
  int sendNumber(const Process& group, int signal) const noexcept override {
    if (signal == SIGSTOP && onStop) onStop(group.pid);
    if (signal != 0 && onSignal) onSignal();
    bool isAny = false;
    for (auto& [pid, row] : table_.rows) {
      if (row.group != group.pid || reused.contains(group.pid)) continue;
      isAny = true;
      if (signal == 0 || row.state == ProcessState::Zombie || deaf.contains(pid)) continue;
      row.state = signal == SIGSTOP ? ProcessState::Stopped : ProcessState::Sleeping;
    }
    if (signal != 0) log += (signal == SIGSTOP ? " stop " : " continue ") + std::to_string(group.pid);
    return isAny ? 0 : ESRCH;
  }

 private:
  GroupTable& table_;
};

/// Group 101 with 102 and 103 besides its leader, and group 201 with its leader alone; 301 is in no group of ours.
struct ScriptedGroups {
  explicit ScriptedGroups(const LoopOptions& loop = {.boost = false})
      : state(std::make_shared<FreezeState>(Mode::ProcessGroup,
                                            std::make_unique<ProcessGroupFreezer>(loop, groups, table))) {
    for (const Pid pid : {101, 102, 103}) table.rows[pid] = {101};
    table.rows[201] = {201};
    table.rows[301] = {301};
    state->registerPid(101);
    state->registerPid(201);
  }
  void exit(Pid pid) {
    table.rows[pid].state = ProcessState::Zombie;
    script.exited(pid);
  }
  /// The group has lost its last process, and a foreign one has its number: one with that pid, and a second.
  void reuse(Pid group, Pid second) {
    script.exited(group);
    groups.reused.insert(group);
    for (const Pid pid : {group, second}) table.rows[pid] = {group, ProcessState::Running};
  }
  bool isStopped(Pid pid) { return table.rows.at(pid).state == ProcessState::Stopped; }

  Script script;
  GroupTable table;
  Groups groups{script, table};
  std::shared_ptr<FreezeState> state;
};

}  // namespace freeze_state::test

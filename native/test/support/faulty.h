#pragma once

#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "faults.h"
#include "script.h"
#include "scripted_groups.h"
#include "scripted_tree.h"

/// The scripted parts of a system, each of whose calls can be made to fail. ESRCH is an answer that does not lie: the
/// process then is dead.
namespace freeze_state::test {

class FaultyScript final : public Script {
 public:
  explicit FaultyScript(Faults& faults) noexcept : faults_(faults) {}
  std::function<void(Pid)> onDeath;

  void die(Pid pid) {
    exited(pid);
    continued(pid);
    if (onDeath) onDeath(pid);
  }

  Failures open(Pid pid, Process& process) noexcept override {
    const int error = faults_.answer("pidfd_open");
    if (error == 0) return Script::open(pid, process);
    process.pid = pid;
    if (error != ESRCH)
      return {{.code = FailureCode::ResourceExhausted, .pid = pid, .error = error, .call = "pidfd_open"}};
    die(pid);
    process.hasExited = true;
    return {};
  }
  int send(const Process& process, Signal signal) noexcept override {
    const bool isStop = signal == Signal::Stop;
    const int error = faults_.answer(isStop ? "pidfd_send_signal SIGSTOP" : "pidfd_send_signal SIGCONT");
    if (error == 0) return Script::send(process, signal);
    if (error == ESRCH) die(process.pid);
    return error;
  }
  ProcessState probe(const Process& process) noexcept override {
    return faults_.answer("open /proc/PID/stat") == 0 ? Script::probe(process) : ProcessState::Unknown;
  }
  bool isStopped(const Process& process) noexcept override {
    return faults_.answer("waitid") == 0 && Script::isStopped(process.pid);
  }
  using Script::isStopped;
  void findExited(std::span<Process* const> processes) noexcept override {
    if (faults_.answer("poll") == 0) Script::findExited(processes);
  }

 private:
  Faults& faults_;
};

class FaultyTable final : public ScriptedTable {
 public:
  explicit FaultyTable(Faults& faults) noexcept : faults_(faults) {}

  int read(Pid pid, ProcessEntry& entry) noexcept override {
    const int error = faults_.answer("read /proc/PID/stat");
    return error == 0 ? ScriptedTable::read(pid, entry) : error;
  }
  std::unique_ptr<ChildReader> children() override {
    return std::make_unique<Reader>(faults_, ScriptedTable::children());
  }

 private:
  class Reader final : public ChildReader {
   public:
    Reader(Faults& faults, std::unique_ptr<ChildReader> reader) : faults_(faults), reader_(std::move(reader)) {}
    void reset() noexcept override { reader_->reset(); }
    std::optional<int> beginPass(const Slice& slice) override {
      const int error = faults_.answer("getdents64 /proc");
      return error == 0 ? reader_->beginPass(slice) : error;
    }
    std::optional<int> read(Pid pid, std::vector<Pid>& children, const Slice& slice) override {
      const int error = faults_.answer("read /proc/PID/task/TID/children");
      return error == 0 ? reader_->read(pid, children, slice) : error;
    }

   private:
    Faults& faults_;
    const std::unique_ptr<ChildReader> reader_;
  };

  Faults& faults_;
};

class FaultyGroupTable final : public GroupTable {
 public:
  explicit FaultyGroupTable(Faults& faults) noexcept : faults_(faults) {}
  std::function<void(Pid)> onDeath;

  int read(Pid pid, ProcessEntry& entry) noexcept override {
    const int error = faults_.answer("read /proc/PID/stat");
    if (error == ESRCH && onDeath) onDeath(pid);
    return error == 0 ? GroupTable::read(pid, entry) : error;
  }
  std::optional<ProcessState> probe(Pid pid, ThreadScan& scan, const Slice& slice) noexcept override {
    return faults_.answer("open /proc/PID/stat") == 0 ? GroupTable::probe(pid, scan, slice) : ProcessState::Unknown;
  }
  std::unique_ptr<ProcessWalk> walk() override { return std::make_unique<Walk>(faults_, GroupTable::walk()); }

 private:
  class Walk final : public ProcessWalk {
   public:
    Walk(Faults& faults, std::unique_ptr<ProcessWalk> walk) : faults_(faults), walk_(std::move(walk)) {}
    bool next(Pid& pid) noexcept override {
      if (error_ == 0) error_ = faults_.answer("getdents64 /proc");
      return error_ == 0 && walk_->next(pid);
    }
    int error() const noexcept override { return error_; }

   private:
    Faults& faults_;
    const std::unique_ptr<ProcessWalk> walk_;
    int error_ = 0;
  };

  Faults& faults_;
};

class FaultyGroups final : public Groups {
 public:
  FaultyGroups(Faults& faults, FaultyScript& processes, FaultyGroupTable& table)
      : Groups(processes, table), faults_(faults), table_(table) {}

 private:
  Pid groupOf(Pid pid) const noexcept override { return faults_.answer("getpgid") == 0 ? Groups::groupOf(pid) : 0; }
  int sendNumber(const Process& group, int signal) const noexcept override {
    const char* const call = signal == 0 ? "kill 0" : signal == SIGSTOP ? "kill SIGSTOP" : "kill SIGCONT";
    const int error = faults_.answer(call);
    if (error == ESRCH) {
      std::vector<Pid> dead;
      for (const auto& [pid, row] : table_.rows) {
        if (row.group == group.pid) dead.push_back(pid);
      }
      for (const Pid pid : dead) {
        table_.rows.erase(pid);
        static_cast<FaultyScript&>(processes()).die(pid);
      }
    }
    return error == 0 ? Groups::sendNumber(group, signal) : error;
  }

  Faults& faults_;
  FaultyGroupTable& table_;
};

}  // namespace freeze_state::test

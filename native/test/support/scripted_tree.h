#pragma once

#include <cerrno>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "../../core/modes/tree.h"
#include "../../core/state/freeze_state.h"
#include "script.h"
#include "scripted_ledger.h"

namespace freeze_state::test {

/// A table of processes as the test wrote it. Its hooks run at the moments in which a real one could change.
class ScriptedTable : public ProcessTable {
 public:
  std::map<Pid, std::vector<Pid>> childrenOf;
  std::map<Pid, Pid> parents;
  std::map<Pid, int> errors;
  std::function<void(Pid)> onChildren;
  std::function<void(Pid)> onRead;
  std::function<void()> onProbe;              ///< in a probe, which a thaw can cut short
  std::function<void(Pid, Pid)> onComparing;  ///< the memory of two processes
  std::set<Pid> vforked;
  std::set<Pid> leaderless;  ///< whose first thread has exited
  int cutPasses = 0;         ///< how often a pass is cut short
  int cutReads = 0;          ///< how often a read of children is cut short, after the first child
  int passes = 0;            ///< how many have begun, or were cut short
  int passError = 0;         ///< what a pass fails with
  std::function<void()> onPass;
  std::set<Pid> stopped;                    ///< by a foreign process
  std::map<Pid, std::uint64_t> startTimes;  ///< of those whose start time is not 0

  void bear(Pid parent, Pid child) {
    childrenOf[parent].push_back(child);
    parents[child] = parent;
  }
  void give(Pid child, Pid parent) {
    std::erase(childrenOf[parents[child]], child);
    bear(parent, child);
  }

  bool isAvailable() const noexcept override { return true; }
  bool showsAll() const noexcept override { return true; }
  int read(Pid pid, ProcessEntry& entry) noexcept override {
    if (onRead) onRead(pid);
    if (errors.contains(pid)) return errors[pid];
    entry = {.state = stopped.contains(pid) ? 'T' : 'S', .parent = parents[pid], .threads = 1};
    if (const auto found = startTimes.find(pid); found != startTimes.end()) entry.startTime = found->second;
    if (leaderless.contains(pid)) entry = {.state = 'Z', .parent = parents[pid], .threads = 2};
    return 0;
  }
  ProcessState probe(Pid /*pid*/) noexcept override { return ProcessState::Unknown; }
  std::optional<ProcessState> probe(Pid pid, ThreadScan& /*scan*/, const Slice& slice) noexcept override {
    if (onProbe) onProbe();
    return slice.isCancelled() ? std::nullopt : std::optional(probe(pid));
  }
  Pid groupOf(Pid /*pid*/) noexcept override { return 0; }
  bool sharesMemory(Pid parent, Pid child) noexcept override {
    if (onComparing) onComparing(parent, child);
    return vforked.contains(child) && parents[child] == parent;
  }
  std::unique_ptr<ProcessWalk> walk() override { return nullptr; }
  std::unique_ptr<ChildReader> children() override { return std::make_unique<Children>(*this); }

 private:
  class Children final : public ChildReader {
   public:
    explicit Children(ScriptedTable& table) : table_(table) {}
    void reset() noexcept override { begun_ = 0; }
    std::optional<int> beginPass(const Slice& /*slice*/) override {
      ++table_.passes;
      if (table_.onPass) table_.onPass();
      if (table_.passError != 0) return table_.passError;
      return table_.cutPasses > 0 && table_.cutPasses-- > 0 ? std::nullopt : std::optional(0);
    }
    std::optional<int> read(Pid pid, std::vector<Pid>& children, const Slice& /*slice*/) override {
      if (table_.onChildren) table_.onChildren(pid);
      const auto& known = table_.childrenOf[pid];
      const bool isContinued = std::exchange(begun_, 0) == pid;
      const auto first = known.begin() + (isContinued && !known.empty() ? 1 : 0);
      if (table_.cutReads > 0) {
        --table_.cutReads;
        begun_ = pid;
        if (!isContinued && !known.empty()) children.push_back(known.front());
        return std::nullopt;
      }
      children.insert(children.end(), first, known.end());
      return table_.errors.contains(pid) ? table_.errors[pid] : 0;
    }

   private:
    ScriptedTable& table_;
    Pid begun_ = 0;  ///< whose first child was told already
  };
};

/// Process 101 with children 201 and 202; 201 has 301.
struct ScriptedTree {
  ScriptedTree()
      : state(std::make_shared<FreezeState>(
            Mode::ProcessTree, std::make_unique<TreeFreezer>(LoopOptions{.boost = false}, script, table, &ledger))) {
    table.bear(101, 201);
    table.bear(101, 202);
    table.bear(201, 301);
    state->registerPid(101);
  }

  Script script;
  ScriptedTable table;
  ScriptedLedger ledger;
  std::shared_ptr<FreezeState> state;
};

}  // namespace freeze_state::test

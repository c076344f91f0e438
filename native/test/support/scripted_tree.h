#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "../../core/modes/tree.h"
#include "../../core/state/freeze_state.h"
#include "script.h"

namespace freeze_state::test {

/// A table as the test wrote it. Its hooks run at the moments in which a real one could change.
class ScriptedTable final : public ProcessTable {
 public:
  std::map<Pid, std::vector<Pid>> childrenOf;
  std::map<Pid, Pid> parents;
  std::map<Pid, int> errors;
  std::function<void(Pid)> onChildren;
  std::function<void(Pid)> onRelation;
  std::set<Pid> vforked;
  std::set<Pid> stopped;  ///< by somebody else
  std::function<void()> onPause;
  int pauses = 0;

  void bear(Pid parent, Pid child) {
    childrenOf[parent].push_back(child);
    parents[child] = parent;
  }
  void give(Pid child, Pid parent) {
    std::erase(childrenOf[parents[child]], child);
    bear(parent, child);
  }

  bool isKnown() const noexcept override { return true; }
  void startOver() noexcept override {}
  int beginPass(Deadline /*until*/) override { return 0; }
  int children(Pid pid, std::vector<Pid>& list, Deadline /*until*/) override {
    if (onChildren) onChildren(pid);
    const auto& known = childrenOf[pid];
    list.insert(list.end(), known.begin(), known.end());
    return errors.contains(pid) ? errors[pid] : 0;
  }
  int relation(Pid pid, Relation& relation) override {
    if (onRelation) onRelation(pid);
    if (errors.contains(pid)) return errors[pid];
    relation = {parents[pid], stopped.contains(pid)};
    return 0;
  }
  bool sharesMemory(Pid parent, Pid child) override { return vforked.contains(child) && parents[child] == parent; }
  void pause() override {
    ++pauses;
    if (onPause) onPause();
  }
};

/// Process 101 with children 201 and 202; 201 has 301.
struct ScriptedTree {
  ScriptedTree() {
    auto mine = std::make_unique<ScriptedTable>();
    table = mine.get();
    state = std::make_shared<FreezeState>(
        Mode::ProcessTree, std::make_unique<TreeFreezer>(LoopOptions{.boost = false}, script, std::move(mine)));
    table->bear(101, 201);
    table->bear(101, 202);
    table->bear(201, 301);
    state->registerPid(101);
  }

  Script script;
  ScriptedTable* table;
  std::shared_ptr<FreezeState> state;
};

}  // namespace freeze_state::test

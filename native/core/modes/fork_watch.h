#pragma once

#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "../deadline.h"
#include "../os/process_table.h"
#include "../slice.h"
#include "stop_protocol.h"
#include "tree_set.h"

namespace freeze_state {

/// Watches which processes of a tree may still fork. kill(2) returns before its target has stopped, so each is probed
/// until it has stopped, or is found unable to run: it waits in vfork(2) for a child that is stopped, or its tracer
/// holds it.
class ForkWatch {
 public:
  ForkWatch(ProcessTable& table, ChildReader& reader, TreeSet& set, const StopProtocol& protocol) noexcept
      : table_(table), reader_(reader), set_(set), protocol_(protocol) {}

  /// Whether the process is known to fork no more. Probes nothing.
  bool isOver(Pid pid) const;

  /// Probes the process. True if its list of children is final: it has stopped, or exited, or cannot run now. Empty
  /// where the slice cut the probe short. A process that lives and cannot be read is added to `failures`.
  std::optional<bool> probe(Pid pid, const Slice& slice, Failures& failures);

  /// When a process that may still fork was last found running or waiting for a processor.
  Deadline lastRunning() const noexcept { return lastRunning_; }

 private:
  /// A process that may wait in vfork(2).
  struct Sleeper {
    Pid pid;
    bool hasBegunPass;
    std::vector<Pid> children;
  };

  std::optional<bool> probeSleeper(Pid pid, const Slice& slice);
  std::optional<bool> isInVfork(Pid pid, const Slice& slice);

  ProcessTable& table_;
  ChildReader& reader_;
  TreeSet& set_;
  StopProtocol protocol_;

  std::unordered_set<Pid> blocked_;                ///< neither stopped nor able to fork
  std::unordered_map<Pid, Deadline> asleepSince_;  ///< or since it was last found not to be in vfork(2)
  std::optional<Sleeper> sleeper_;                 ///< the one that is being checked for vfork(2)
  Deadline lastRunning_;
};

}  // namespace freeze_state

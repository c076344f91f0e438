#pragma once

#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "../os/group_control.h"
#include "../os/process_table.h"
#include "../slice.h"
#include "../step.h"
#include "member_list.h"
#include "stop_protocol.h"

namespace freeze_state {

/// A process of one of the groups, as a walk through all processes found it. There may be very many, so it is not held.
struct GroupProcess {
  Pid pid = 0;
  Pid group = 0;
  // NOLINTNEXTLINE(readability-redundant-member-init): GCC warns of initializers that leave it out
  std::shared_ptr<ProcessFiles> files = {};  ///< null where none may stay open
  StopMarks stop = {.isSent = true};
  Pid tracer = 0;  ///< in a covered group, and seen stopped since the last probe; 0 where there is none
};

/// Probes the processes of groups that were sent SIGSTOP, one at a time. Since the walk found it, a process may have
/// exited or left its group, and its number may be another's. One that stays awake is sent SIGSTOP again, alone. Called
/// under the state's lock.
class GroupProbe {
 public:
  GroupProbe(GroupControl& groups, ProcessTable& table) noexcept
      : groups_(groups), table_(table), oneByOne_(groups.processes()) {}

  /// Probes the process: done if it is quiescent or not in its group any more; blocked if not. Fails where that cannot
  /// be known for lack of descriptors or memory.
  Step confirm(MemberList& members, GroupProcess& process, const Slice& slice);

  /// Whether a process of the group was seen stopped since the last `forgetSeen`.
  bool hasSeenStopped(Pid group) const noexcept;
  /// Whether the process was seen stopped, or was found to have exited, since the last `forgetSeen`. It forks no more.
  /// In the time of a confirmation its number is not given again: all others come first.
  bool hasSettled(Pid pid) const { return settled_.contains(pid); }
  void forgetSeen() noexcept {
    stoppedGroups_.clear();
    settled_.clear();
  }

  /// Called where all groups, or one, are sent SIGCONT. That removes a pending SIGSTOP, so none is left over after it.
  void forgetResent() noexcept { resent_.clear(); }
  void forgetResent(Pid group) noexcept;

 private:
  void noteStopped(const GroupProcess& process);
  Step confirmTracee(MemberList& members, GroupProcess& process, const Slice& slice);
  bool isCoveredAndStopped(MemberList& members, Process& held, const Slice& slice);
  bool isCovered(MemberList& members, Pid group) const noexcept;
  Step stopAgain(MemberList& members, const GroupProcess& process);
  Step confirmExit(Pid pid);
  template <typename Use>
  Step hold(Pid pid, Use use);

  GroupControl& groups_;
  ProcessTable& table_;
  StopProtocol oneByOne_;  ///< stops processes one by one; the guardian finds them by their groups

  std::vector<Pid> stoppedGroups_;       ///< of which a process was seen stopped
  std::unordered_set<Pid> settled_;      ///< processes that were seen stopped or have exited
  std::unordered_map<Pid, Pid> resent_;  ///< the groups of processes that were sent SIGSTOP again since the last thaw
};

}  // namespace freeze_state

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "../os/group_control.h"
#include "../os/process_table.h"
#include "group_probe.h"
#include "process.h"

namespace freeze_state {

/// The groups that the members lead. One signal stops a group. Only a probe of each of its processes tells that all of
/// it has stopped, and only a walk through the table of processes finds them. A walk passes over a child whose fork is
/// in progress when the signal comes: it is born with the signal, and appears in the table later. So all have stopped
/// only once a walk meets none that was not seen stopped before that walk began. Where the leader has exited, it also
/// takes such a walk to tell whether any process of the group lives, since zombies take signals. Walks and probes are
/// done in steps.
class ProcessGroupFreezer final : public ProcessFreezer {
 public:
  /// A group may have any number of processes, so a signal to it counts as `SignalLoop::kMany` until a confirmation has
  /// counted them.
  ProcessGroupFreezer(const LoopOptions& options, GroupControl& groups, ProcessTable& table,
                      Ledger* ledger = nullptr) noexcept
      : ProcessFreezer(options, groups, ledger, SignalLoop::kMany),
        groups_(groups),
        table_(table),
        probe_(groups, table) {}

  Failures admit(MemberList& members, Member& member, const Ticket* frozen) override;
  Failures dismiss(MemberList& members, Member& member, const Ticket* frozen) override;
  void refresh(MemberList& members) noexcept override;
  void begin(MemberList& members) override;
  Step stop(MemberList& members, const Slice& slice, StoppedBefore before) override;
  Step confirm(MemberList& members, const Slice& slice) override;
  Failures resume(MemberList& members, ResumeScope scope) override;
  std::vector<Covered> visit(MemberList& members) override;
  std::optional<MemberStatus> inspect(MemberList& members, Pid pid, std::vector<Pid>& found,
                                      const Slice& slice) override;
  Failures close(MemberList& members) override;

 private:
  void forgetWalks() noexcept;
  Step continueWalk(const Slice& slice, const std::function<void(Pid)>& visit);
  Step findEmptyGroups(MemberList& members, const Slice& slice);
  void noteLife(Pid pid);
  Step listProcesses(MemberList& members, const Slice& slice);
  Step probePending(MemberList& members, const Slice& slice);
  std::shared_ptr<ProcessFiles> filesOf(Pid pid);
  void takeListed(const MemberList& members);
  ProcessState stateWithoutLeader(const Process& leader, const Slice& slice);

  GroupControl& groups_;
  ProcessTable& table_;
  GroupProbe probe_;

  std::unique_ptr<ProcessWalk> walk_;  ///< in progress
  bool hasMetAll_ = false;             ///< the last walk met every process; the table may hide some
  std::vector<Pid> leaderless_;        ///< groups whose leader has exited, with no living process found yet
  bool hasFoundEmpty_ = false;         ///< the stop in progress knows which groups have no process left
  bool hasBegun_ = false;              ///< `pending_` has had what the last list had
  bool isListed_ = false;              ///< a walk has met all processes of the groups
  std::vector<GroupProcess> listed_;   ///< by the walk in progress
  std::vector<GroupProcess> pending_;  ///< those to be seen stopped before the next walk, or before the end
  ConfirmCursor pendingCursor_;

  /// The processes in the last complete list, by pid. Their files stay open from one freeze to the next.
  std::unordered_map<Pid, GroupProcess> kept_;
};

}  // namespace freeze_state

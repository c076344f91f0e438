#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "../../os/cgroup_location.h"
#include "../../os/freezable_cgroup.h"
#include "../../os/process_table.h"
#include "../member_list.h"
#include "moves.h"
#include "origins.h"

namespace freeze_state {

/// The means by which processes are located and moved. A test replaces them, to play a hierarchy of its own.
struct CgroupAccess {
  cgroup::FindDirectory find = cgroup::findDirectory;
  Moves::Move move = nullptr;  ///< null: by the files cgroup.procs, of which the group keeps its own open
  ProcessTable* table = &systemTable();
};

/// The processes in a cgroup that a state freezes. Members are moved into it; admission.h has how. When they leave,
/// they are moved back to where they came from, with what they started in it. Called under the state's lock.
class Membership {
 public:
  Membership(FreezableCgroup& group, ProcessControl& control, CgroupAccess access = {})
      : group_(group),
        control_(control),
        find_(std::move(access.find)),
        table_(*access.table),
        moves_(group.path(), group.mount(), table_, access.move ? std::move(access.move) : moveBy(group)),
        place_(Origins::all().enter(group.path(), group.isOwned())) {}

  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;
  ~Membership() { Origins::all().leave(id()); }

  /// Names the state among all that have a cgroup; see `Origins`.
  std::uint64_t id() const noexcept { return place_.owner; }
  /// Which of the states that share the cgroup has frozen it.
  std::atomic<std::uint64_t>& claim() const noexcept { return *place_.claim; }

  /// Forgets what is noted of this pid: that it is joining, and where it came from.
  void forget(Pid pid);
  /// Moves in a process that is held, with all its descendants, all or none. It is a newcomer, or a member that a
  /// foreign process may have moved out. A process that is inside stays where it is, and so does a descendant that
  /// another state has. `isFrozenByUs`: we froze the group, and so they are frozen as well.
  Failures enter(const MemberList& members, Process& process, bool isFrozenByUs);
  /// Takes note of a child of ours that moves itself in, instead of `enter`. It is joining until it was seen inside.
  Failures expect(const MemberList& members, const Process& process, bool isFrozenByUs);
  /// Asks where the member is, and ends its join if it is inside, or has exited. Returns whether it is joining still.
  bool checkJoin(Member& member);
  /// Does `checkJoin` for every member.
  void checkJoins(MemberList& members);
  /// Whether it was joining when one of these calls last asked.
  bool isJoining(Pid pid) const { return joining_.contains(pid); }
  /// Makes the process a member like any other. Returns whether it was joining.
  bool endJoin(Pid pid) { return joining_.erase(pid) != 0; }
  /// Moves the member out with its subtree: its descendants in the group, but for those below another member, of this
  /// state or another.
  Failures leave(MemberList& members, Member& member);
  /// Moves out all members; out of an owned group, every process in it. For the end: closes the files of the
  /// group.
  Failures leaveAll(MemberList& members);
  /// Removes an owned group, once all members have left. Processes that were put into it meanwhile are moved out again,
  /// into its parent. Another emulator that took a process from us moves it back here when it is done with it.
  Failures remove() const;

  /// `CgroupLeft` for the first live member that is not in the group any more; empty where there is none. `inside` are
  /// the ids of the threads in the group itself, sorted.
  Failures findMovedOut(const MemberList& members, const std::vector<Pid>& inside) const;
  /// The processes in it that are no members. `known` as for `FreezableCgroup::processes`.
  std::vector<Pid> nonMembers(const MemberList& members, std::span<const Pid> known = {}) const;

  /// Whether the process keeps the group from counting as frozen.
  bool delaysFreeze(Pid pid) const { return table_.delaysFreeze(pid); }
  /// Whether the process is in the group, or below. Returns 0, or the errno(3) because of which that is unknown.
  int findInside(Pid pid, bool& isInside) const;
  /// Whether it is in the group, or below; empty where that is unknown.
  std::optional<bool> isInside(Pid pid) const;
  /// Whether the group still is there. A foreign process may have removed it, and made another with its name, which
  /// does not count.
  bool isThere() const noexcept;

  Failure failureOf(int error, const char* call, Pid pid = 0) const {
    return cgroup::laterFailure(error, call, group_.path(), pid);
  }
  /// Why it could not be told where the process is.
  Failure placeFailure(int error, Pid pid) const { return failureOf(error, "open", pid); }

 private:
  friend class Admission;

  int locate(Pid pid, const std::string& top, std::string& directory) const {
    return cgroup::locate(pid, group_.mount(), top, directory, find_);
  }
  static Moves::Move moveBy(const FreezableCgroup& group);
  void forgetGone(const MemberList& members);
  void forgetGoneOfMany(const MemberList& members);
  void awaitJoins(std::span<Member> members);
  std::unordered_set<Pid> takenBySharers() const;
  Failures leaveWithSubtrees(const MemberList& members, const OriginMap& origins) const;
  Failures leaveRest(const OriginMap& origins, const std::string& otherwise) const;

  FreezableCgroup& group_;
  ProcessControl& control_;
  const cgroup::FindDirectory find_;
  ProcessTable& table_;
  const Moves moves_;
  const Origins::Place place_;
  std::unordered_set<Pid> joining_;  ///< those that were expected, and not seen inside yet
  std::size_t manyTaken_ = 16;       ///< once this many were taken, those that have gone are forgotten
};

}  // namespace freeze_state

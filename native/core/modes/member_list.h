#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "member.h"

namespace freeze_state {

/// Members in the order in which they came. Owns the hold that the control has of each. Not thread-safe: the state's
/// lock guards it.
class MemberList {
 public:
  explicit MemberList(ProcessControl& control) noexcept : control_(control) {}
  MemberList(const MemberList&) = delete;
  MemberList& operator=(const MemberList&) = delete;
  ~MemberList() { clear(); }

  std::span<Member> all() noexcept { return members_; }
  std::span<const Member> all() const noexcept { return members_; }
  bool isEmpty() const noexcept { return members_.empty(); }
  std::size_t size() const noexcept { return members_.size(); }
  std::vector<Pid> pids() const;

  /// The member with this pid, or null. Where the pid of a dead member was reused it is the live one. Valid until the
  /// list changes.
  Member* find(Pid pid) noexcept;

  bool isAnyAlive() const noexcept;
  /// Whether any was sent our SIGSTOP, and not continued since.
  bool isAnyStopped() const noexcept;
  /// One `ProcessNotFound` for each member.
  Failures deaths() const;

  /// Asks the kernel which members have exited since, many at a time, and marks them.
  void refresh() noexcept;

  /// Calls `visit` with the processes of all members, many at a time. Does not allocate, as a freeze does not.
  template <typename Visit>
  void visitProcesses(Visit visit) {
    constexpr std::size_t kAtOnce = 256;
    std::array<Process*, kAtOnce> some;
    for (std::size_t done = 0; done < members_.size();) {
      const std::size_t count = std::min(members_.size() - done, kAtOnce);
      for (std::size_t i = 0; i < count; ++i) some.at(i) = &members_[done + i].process;
      visit(std::span<Process* const>(some).first(count));
      done += count;
    }
  }

  /// Adds a member at the end. What was opened for it is owned by the list from now on.
  Member& add(Member member) { return members_.emplace_back(std::move(member)); }
  /// Releases the member and forgets it.
  void remove(Member& member) noexcept;
  /// Releases and forgets those for which the predicate holds.
  template <typename Predicate>
  void removeIf(Predicate predicate) noexcept {
    std::erase_if(members_, [&](Member& member) {
      const bool isRemoved = predicate(std::as_const(member));
      if (isRemoved) control_.release(member.process);
      return isRemoved;
    });
  }
  /// Forgets those that are known to have exited.
  void dropExited() noexcept {
    removeIf([](const Member& member) { return member.hasExited(); });
  }
  void clear() noexcept;

 private:
  ProcessControl& control_;
  std::vector<Member> members_;
};

}  // namespace freeze_state

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "signaller.h"

namespace freeze_state {

/// The members in registration order; owns what the signaller holds of them. Not thread-safe: the state's lock
/// guards it.
class MemberList {
 public:
  explicit MemberList(Signaller& signaller) noexcept : signaller_(signaller) {}
  MemberList(const MemberList&) = delete;
  MemberList& operator=(const MemberList&) = delete;
  ~MemberList() { clear(); }

  std::span<Member> all() noexcept { return members_; }
  std::span<const Member> all() const noexcept { return members_; }
  bool empty() const noexcept { return members_.empty(); }
  std::size_t size() const noexcept { return members_.size(); }

  /// The member with this pid, or null. Valid until the list changes.
  Member* find(Pid pid) noexcept;

  bool anyAlive() const noexcept;
  bool anyStopped() const noexcept;

  /// Asks the kernel which members have exited since.
  void findGone() noexcept { signaller_.findGone(members_); }

  void add(const Member& member) { members_.push_back(member); }
  void remove(Member& member) noexcept;
  void dropGone() noexcept;
  void clear() noexcept;

 private:
  Signaller& signaller_;
  std::vector<Member> members_;
};

}  // namespace freeze_state

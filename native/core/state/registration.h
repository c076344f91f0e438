#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../failure.h"
#include "../modes/member_list.h"
#include "../slice.h"
#include "../word.h"
#include "freeze_state.h"

namespace freeze_state {

/// One change of a state's members: it adds processes, all or none, or removes one. While the state is frozen, an added
/// process is stopped and a removed one is continued. Made and used under one hold of the state's lock.
class Registration {
 public:
  /// `seen` is the word as it was read under this hold of the lock. A thaw may move the word meanwhile; it then waits
  /// for the lock.
  Registration(FreezeState& state, std::uint64_t seen) noexcept
      : state_(state), seen_(seen), ticket_(state.word_, seen) {}
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  ~Registration() = default;

  /// Makes the processes that have these pids members. `FreezeState::whyNoMember` has nothing against the pids. Fails
  /// as `FreezeState::registerPids` does; then none is added.
  RegisterResult add(std::span<const std::int64_t> pids, bool areJoining);
  /// Removes the member, and continues it if we stopped it. On failure it stays a member.
  Failures remove(Member& member);

 private:
  const Ticket* ifFrozen() const noexcept { return word::isFrozen(seen_) ? &ticket_ : nullptr; }
  Failures admit(Pid pid, bool isJoining);
  void takeBack(Failures& failures);
  void enterAsEnding(Member& member) noexcept;

  FreezeState& state_;
  const std::uint64_t seen_;
  const Ticket ticket_;
  std::vector<Pid> added_;  ///< those that were no members before
};

}  // namespace freeze_state

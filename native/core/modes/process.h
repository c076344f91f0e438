#pragma once

#include <cstddef>

#include "../os/signal_loop.h"
#include "freezer.h"

namespace freeze_state {

/// The registered processes, each signalled on its own. With a control that signals groups: their groups.
class ProcessFreezer : public Freezer {
 public:
  /// `ledger` as for `StopProtocol`; `isPossible`: whether this system has what the mode needs besides signals.
  ProcessFreezer(const LoopOptions& options, ProcessControl& control, Ledger* ledger = nullptr, std::size_t reach = 1,
                 bool isPossible = true) noexcept
      : Freezer(control, isPossible && control.isSupported(), ledger),
        options_(options),
        protocol_(control, ledger),
        reach_(reach) {}

  Failures admit(MemberList& members, Member& member, const Ticket* frozen) override;
  Failures dismiss(MemberList& members, Member& member, const Ticket* frozen) override;
  void begin(MemberList& members) override;
  Step stop(MemberList& members, const Slice& slice, StoppedBefore before) override;
  Step confirm(MemberList& members, const Slice& slice) override;
  Failures resume(MemberList& members, ResumeScope scope) override;

 protected:
  /// Confirms the members as `StopProtocol::confirmAll` does. `rest`: the other processes that are covered, since a
  /// member's tracer may be one of them; null where there are none.
  Step confirmMembers(MemberList& members, const Slice& slice, MemberList* rest) {
    return protocol_.confirmAll(members, cursor_, slice, rest);
  }
  /// Takes hold of it, and finds out whether it lives.
  Failures open(Member& newcomer) noexcept;

  const LoopOptions options_;
  StopProtocol protocol_;
  std::size_t prepared_ = 0;   ///< how many members the stop in progress has prepared
  std::size_t signalled_ = 0;  ///< how many of those it has passed
  std::size_t reach_;          ///< about how many processes a signal to a member may reach

 private:
  ConfirmCursor cursor_;
};

}  // namespace freeze_state

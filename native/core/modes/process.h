#pragma once

#include "../os/signal_loop.h"
#include "freezer.h"
#include "member_list.h"

namespace freeze_state {

/// The registered processes, each signalled on its own. With a control that signals groups: their groups.
class ProcessFreezer : public Freezer {
 public:
  /// `reach`: how many processes a signal to a member may reach.
  ProcessFreezer(const LoopOptions& options, ProcessControl& control, std::size_t reach = 1) noexcept
      : options_(options), control_(control), members_(control), reach_(reach) {}

  bool isSupported() const noexcept override { return control_.isSupported(); }
  Pid ownPid() const noexcept override { return control_.ownPid(); }
  bool isEmpty() const noexcept override { return members_.isEmpty(); }
  std::vector<Pid> pids() const override;
  Failures add(Pid pid, const Ticket* frozen) override;
  UnregisterResult remove(Pid pid) override;
  void beginStop() override;
  StopResult stop(const Ticket& ticket, bool isNoting, Deadline until) override;
  Failures resume(Whom whom) override;
  bool isAnyAlive() const noexcept override { return members_.isAnyAlive(); }
  bool isAnyStopped() const noexcept override { return members_.isAnyStopped(); }
  Failures deaths() const override;
  void findGone() noexcept override { members_.findGone(); }
  void dropGone() noexcept override { members_.dropGone(); }
  Failures clear() override;
  std::vector<Pid> unstopped(const Ticket& frozen, Deadline until) override;
  std::vector<Pid> awaited() const override;
  std::vector<MemberOutcome> outcomes() override;
  std::vector<Pid> everyone() override { return pids(); }
  std::optional<MemberStatus> inspect(Pid pid, std::vector<Pid>& found) override;

 protected:
  /// Takes hold of a newcomer, where the live member of that pid is not known yet. Nothing to do is no newcomer.
  Failures open(Pid pid, std::optional<Member>& newcomer);

  const LoopOptions options_;
  ProcessControl& control_;
  MemberList members_;
  const std::size_t reach_;
  std::size_t signalled_ = 0;  ///< so many members a stop that is under way has come past
  std::size_t cursor_ = 0;     ///< see `MemberList::unstopped`
};

}  // namespace freeze_state

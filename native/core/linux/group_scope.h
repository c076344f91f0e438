#pragma once

#include <optional>
#include <vector>

#include "../process_scope.h"
#include "proc.h"

namespace freeze_state {

/// The groups that the members lead. One signal stops a group; that all of it has stopped, only a look at each of its
/// processes tells, and who they are, only a walk through /proc. Both are done bit by bit.
class GroupScope final : public ProcessScope {
 public:
  using ProcessScope::ProcessScope;

  Failures add(Pid pid, const Ticket* frozen) override;
  Failures stop(const Ticket& ticket, bool isNoting) override;
  Failures resume(Whom whom) override;
  std::vector<Pid> unstopped(const Ticket& frozen, Deadline until) override;
  std::vector<MemberOutcome> outcomes() override;

 private:
  bool findMates(const Ticket& frozen, Deadline until);
  void listAgain() noexcept;

  /// A process of one of the groups, as the walk met it.
  struct Mate {
    Pid pid;
    Pid group;
  };

  std::optional<proc::Numbers> walk_;  ///< under way
  bool isListed_ = false;
  std::vector<Pid> stoppedGroups_;  ///< of which somebody was seen stopped
  std::vector<Mate> mates_;         ///< those not seen stopped yet; of a stopped group none is born
};

}  // namespace freeze_state

#pragma once

#include <optional>
#include <vector>

#include "../os/linux/procfs.h"
#include "process.h"

namespace freeze_state {

/// The groups that the members lead. One signal stops a group; that all of it has stopped, only a look at each of its
/// processes tells, and who they are, only a walk through /proc. So it is with who still lives in a group whose leader
/// has exited: zombies take signals. Walks and looks are done bit by bit.
class ProcessGroupFreezer final : public ProcessFreezer {
 public:
  /// A group has as many as it likes.
  ProcessGroupFreezer(const LoopOptions& options, ProcessControl& groups) noexcept
      : ProcessFreezer(options, groups, 2) {}

  Failures add(Pid pid, const Ticket* frozen) override;
  UnregisterResult remove(Pid pid) override;
  void beginStop() override;
  StopResult stop(const Ticket& ticket, bool isNoting, Deadline until) override;
  Failures resume(Whom whom) override;
  void findGone() noexcept override;
  Failures clear() override;
  std::vector<Pid> unstopped(const Ticket& frozen, Deadline until) override;
  std::vector<MemberOutcome> outcomes() override;

 private:
  /// A process of one of the groups, as the walk met it.
  struct Mate {
    Pid pid = 0;
    Pid group = 0;
    int threadsStopped = 0;   ///< see `Process`
    unsigned looksAwake = 0;  ///< see `Member`
  };

  static bool isSettled(Mate& mate, ProcessState state) noexcept;

  bool findEmpty(const Ticket* ticket, Deadline until);
  void noteLife(Pid pid);
  bool findMates(const Ticket& frozen, Deadline until);
  void listAgain() noexcept;

  std::optional<proc::Numbers> walk_;  ///< under way
  std::vector<Pid> livingGroups_;      ///< of which it has met somebody, of those without a leader
  bool hasFoundEmpty_ = false;         ///< the stop that is under way knows which groups have nobody left
  bool isListed_ = false;              ///< all of `mates_`
  std::vector<Pid> stoppedGroups_;     ///< of which somebody was seen stopped
  std::vector<Mate> mates_;            ///< those not seen stopped yet; of a stopped group none is born
};

}  // namespace freeze_state

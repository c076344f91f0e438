#include "../group_control.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include "kill_control.h"

namespace freeze_state {

Pid GroupControl::groupOf(Pid pid) const noexcept {
  const pid_t group = getpgid(pid);
  return group < 0 ? 0 : group;
}

Pid GroupControl::ownGroup() const noexcept { return getpgrp(); }

std::optional<FailureCode> GroupControl::whyUnfit(const Process& leader) const noexcept {
  if (leader.pid == ownGroup()) return FailureCode::OwnGroup;
  // A leader that has exited has left its pid to its group.
  const Pid group = groupOf(leader.pid);
  if (group == 0 || group == leader.pid || !hasLeader(leader)) return std::nullopt;
  return FailureCode::NotGroupLeader;
}

Failures GroupControl::open(Pid pid, Process& leader) noexcept {
  if (pid == getpgrp()) return {{.code = FailureCode::OwnGroup, .pid = pid}};
  if (Failures failures = processes_.open(pid, leader); !failures.empty()) return failures;
  if (leader.hasExited) return {};
  const Pid group = groupOf(pid);
  const Pid session = getsid(pid);
  // The session is read now, since it cannot be read once the leader was reaped. It does not change: no leader can
  // leave its session (setsid(2)).
  leader.session = session < 0 ? 0 : session;
  if (group == pid) return {};
  // The leader may have exited since: then it is gone, and that is no failure.
  if (group == 0 && processes_.checkExited(leader)) return {};
  processes_.release(leader);
  return {{.code = FailureCode::NotGroupLeader, .pid = pid}};
}

int GroupControl::sendNumber(const Process& group, int signal) const noexcept {
  return kill(-group.pid, signal) == 0 ? 0 : errno;
}

int GroupControl::send(const Process& group, Signal signal) noexcept { return sendNumber(group, signalNumber(signal)); }

ProcessState GroupControl::stateOf(const Process& group, ProcessState leader) const noexcept {
  const bool hasExited = leader == ProcessState::Gone || leader == ProcessState::Zombie;
  return hasExited && sendNumber(group, 0) != ESRCH ? ProcessState::Unknown : leader;
}

ProcessState GroupControl::probe(const Process& leader) noexcept { return stateOf(leader, processes_.probe(leader)); }

std::optional<ProcessState> GroupControl::probe(const Process& leader, ThreadScan& scan, const Slice& slice) noexcept {
  const auto state = processes_.probe(leader, scan, slice);
  return state ? std::optional(stateOf(leader, *state)) : std::nullopt;
}

bool GroupControl::hasLeader(const Process& group) const noexcept {
  Process leader = group;
  return !processes_.checkExited(leader);
}

/// The kernel gives the number of a group to no new process while the group has a process, and a leader that lives has
/// it itself. So a group that exists now has existed all the time.
int GroupControl::check(const Process& group) const noexcept {
  if (group.hasExited) return ESRCH;
  // By pidfd that is certain, and spares a signal to a large group.
  if (group.fd >= 0 && hasLeader(group)) return 0;
  const int error = sendNumber(group, 0);
  return error == EPERM ? 0 : error;
}

LedgerIdentity GroupControl::identify(Process& leader) noexcept {
  LedgerIdentity identity = processes_.identify(leader);
  if (identity.kind == LedgerIdentity::Kind::None) return identity;
  identity.kind = LedgerIdentity::Kind::Group;
  identity.session = leader.session;
  // /proc tells nothing of a leader that was reaped since.
  if (identity.startTime == 0) identity.startTime = leader.startTime;
  return identity;
}

/// Asks for many at once, since to ask for each takes a system call.
template <typename Visit>
void GroupControl::visitLeaderless(std::span<Process* const> groups, Visit visit) const {
  constexpr std::size_t kAtOnce = 64;
  for (; !groups.empty(); groups = groups.subspan(std::min(groups.size(), kAtOnce))) {
    const auto some = groups.first(std::min(groups.size(), kAtOnce));
    // Copies, since a group outlives its leader.
    std::array<Process, kAtOnce> leaders;
    std::array<Process*, kAtOnce> asked;
    for (std::size_t i = 0; i < some.size(); ++i) {
      leaders.at(i) = *some[i];
      asked.at(i) = &leaders.at(i);
    }
    processes_.findExited(std::span(asked).first(some.size()));
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (leaders.at(i).hasExited) visit(*some[i]);
    }
  }
}

void GroupControl::findExited(std::span<Process* const> groups) noexcept {
  visitLeaderless(groups, [this](Process& group) {
    // Not certain, since zombies take signals as well, but nothing tells better.
    if (!group.hasExited) group.hasExited = sendNumber(group, 0) == ESRCH;
  });
}

void GroupControl::findLeaderless(std::span<Process* const> groups, std::vector<Pid>& numbers) const {
  visitLeaderless(groups, [&](const Process& group) {
    if (!group.hasExited) numbers.push_back(group.pid);
  });
}

}  // namespace freeze_state

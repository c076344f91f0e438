#include "moves.h"

#include <algorithm>
#include <cerrno>
#include <ranges>
#include <utility>

#include "../../os/cgroup_location.h"

namespace freeze_state {

int Moves::inhabitants(std::vector<Pid>& pids) const { return cgroup::processes(path_, mount_, pids); }

Failures Moves::out(Pid pid, const std::string& origin) const {
  // It was in this group before it was taken, so the group is external.
  if (cgroup::isWithin(origin, path_)) return {};
  std::string refused;
  int refusal = 0;
  const auto isOut = [&](const std::string& directory) {
    const int error = move_(directory, pid);
    if (error == 0 || error == ESRCH) return true;
    // Any other error says more than that a directory is gone.
    const bool isGone = error == ENOENT || error == ENODEV;
    if (refusal == 0 || (!isGone && (refusal == ENOENT || refusal == ENODEV))) {
      refused = directory;
      refusal = error;
    }
    return false;
  };
  if (!origin.empty() && isOut(origin)) return {};
  // The root takes any process. Any other group takes none if it has controllers enabled for its children (EBUSY).
  std::vector<std::string> fallbacks{cgroup::parentOf(path_)};
  const auto addAbove = [&](const std::string& directory) {
    for (std::string at = cgroup::parentOf(directory); cgroup::isWithin(at, mount_.point); at = cgroup::parentOf(at)) {
      if (!cgroup::isWithin(at, path_) && std::ranges::find(fallbacks, at) == fallbacks.end()) fallbacks.push_back(at);
    }
  };
  if (!origin.empty()) addAbove(origin);
  addAbove(path_);
  for (const std::string& directory : fallbacks) {
    if (isOut(directory)) return {};
  }
  return {cgroup::moveFailure(refusal, refused, pid)};
}

/// Finds the processes in the group that are in no subtree yet, and belong to one: by a line of parents inside the
/// group they descend from a process of that subtree, which itself may be outside by now. Returns 0, or the errno(3).
int Moves::findDescendants(const Leavers& leaverOf, const std::unordered_set<Pid>& apart,
                           std::vector<Moved>& descendants) const {
  std::vector<Pid> inside;
  if (const int error = inhabitants(inside); error != 0) return error;
  std::unordered_map<Pid, Pid> parents;
  for (const Pid pid : inside) {
    if (leaverOf.contains(pid) || apart.contains(pid)) continue;
    ProcessEntry stat;
    const int error = table_.read(pid, stat);
    // One that /proc hides counts as in no subtree.
    if (isOutOfResources(error)) return error;
    if (error == 0) parents[pid] = stat.parent;
  }
  for (const auto& [pid, parent] : parents) {
    Pid ancestor = parent;
    // Parents that are read one after the other may make a circle.
    for (std::size_t steps = 0; steps < parents.size() && parents.contains(ancestor); ++steps)
      ancestor = parents[ancestor];
    if (const auto one = leaverOf.find(ancestor); one != leaverOf.end()) descendants.push_back({pid, one->second});
  }
  return 0;
}

void Moves::backIn(const std::vector<Moved>& moved) const {
  for (const auto& [pid, _] : std::views::reverse(moved)) in(pid);
}

Failures Moves::subtreesOut(const std::vector<Leaver>& leavers, const OriginOf& originOf,
                            const std::unordered_set<Pid>& apart, Incomplete incomplete) const {
  Failures failures;
  Leavers leaverOf;
  std::vector<Moved> moved;
  std::vector<Moved> next;
  std::unordered_set<std::size_t> stuck;
  for (std::size_t i = 0; i < leavers.size(); ++i) {
    leaverOf[leavers[i].pid] = i;
    next.push_back({leavers[i].pid, i});
  }
  const auto keep = [&](std::size_t leaver) {
    stuck.insert(leaver);
    // It stays a member, so a freeze must reach it and what came with it: all of it is moved back in, as far as
    // possible.
    for (const auto& [pid, of] : std::views::reverse(moved)) {
      if (of == leaver) in(pid);
    }
  };
  // The leavers first: what they fork from then on is outside. The next pass finds what was forked just before its
  // parent was moved. A process that forks faster than that is not pursued: an owned group is emptied completely at the
  // end.
  constexpr int kPasses = 100;
  for (int pass = 0; pass < kPasses && !next.empty(); ++pass) {
    for (const auto& [pid, leaver] : next) {
      leaverOf[pid] = leaver;
      if (stuck.contains(leaver)) continue;
      const std::string& origin = leavers[leaver].origin;
      Failures refusals = out(pid, pid == leavers[leaver].pid ? origin : originOf(pid).value_or(origin));
      if (refusals.empty())
        moved.push_back({pid, leaver});
      else
        keep(leaver);
      append(failures, std::move(refusals));
    }
    next.clear();
    if (const int error = findDescendants(leaverOf, apart, next); error != 0) {
      if (incomplete == Incomplete::BackIn) backIn(moved);
      failures.push_back(cgroup::laterFailure(error, "open", path_));
      break;
    }
  }
  return failures;
}

}  // namespace freeze_state

#include "cgroup_moves.h"

#include <algorithm>
#include <cerrno>
#include <ranges>
#include <unordered_map>

#include "proc.h"

namespace freeze_state {

namespace {

bool contains(const std::vector<Pid>& pids, Pid pid) { return std::ranges::find(pids, pid) != pids.end(); }

}  // namespace

int CgroupMoves::inhabitants(std::vector<Pid>& pids) const { return cgroup::processes(path_, mount_, pids); }

Failures CgroupMoves::out(Pid pid, const Homes& homes) const {
  std::string refused;
  int refusal = 0;
  const auto isOut = [&](const std::string& directory, int error) {
    if (error == 0 || error == ESRCH) return true;
    // That one is gone says less than what another answers.
    const bool isGone = error == ENOENT || error == ENODEV;
    if (refusal == 0 || (!isGone && (refusal == ENOENT || refusal == ENODEV))) {
      refused = directory;
      refusal = error;
    }
    return false;
  };
  for (const Home& home : homes) {
    const int error = CgroupRegistry::all().ifHome(home, [&] {
      // Of a group that was given, and that it was in.
      return home.directory == path_ ? 0 : move_(home.directory, pid);
    });
    if (isOut(home.directory, error)) return {};
  }
  // The root takes whatever there is; elsewhere what has controllers for its children does not (EBUSY).
  std::vector<std::string> others{cgroup::parentOf(path_)};
  const auto addAbove = [&](const std::string& directory) {
    for (std::string at = cgroup::parentOf(directory); cgroup::isWithin(at, mount_.point); at = cgroup::parentOf(at)) {
      if (!cgroup::isWithin(at, path_) && std::ranges::find(others, at) == others.end()) others.push_back(at);
    }
  };
  if (!homes.empty()) addAbove(homes.back().directory);
  addAbove(path_);
  for (const std::string& directory : others) {
    if (isOut(directory, move_(directory, pid))) return {};
  }
  return {cgroup::moveFailure(refusal, refused, pid)};
}

/// Of those that are in the group: those that descend from the roots, which may be outside, by others that are inside.
/// Returns 0, or the errno(3).
int CgroupMoves::findFamily(const std::vector<Pid>& roots, const std::vector<Pid>& apart,
                            std::vector<Pid>& family) const {
  family.clear();
  std::vector<Pid> inside;
  if (const int error = inhabitants(inside); error != 0) return error;
  std::unordered_map<Pid, Pid> parents;
  for (const Pid inhabitant : inside) {
    if (contains(apart, inhabitant)) continue;
    proc::Stat stat{};
    const int error = proc::stat(inhabitant, stat);
    if (error != 0 && error != ESRCH) return error;
    if (error == 0) parents[inhabitant] = stat.parent;
  }
  for (const auto& [inhabitant, _] : parents) {
    Pid ancestor = inhabitant;
    // What is read one after the other may make a circle.
    std::size_t steps = 0;
    for (auto at = parents.find(ancestor); !contains(roots, ancestor) && at != parents.end() && steps < parents.size();
         ++steps) {
      ancestor = at->second;
      at = parents.find(ancestor);
    }
    if (contains(roots, ancestor) && !contains(roots, inhabitant)) family.push_back(inhabitant);
  }
  return 0;
}

Failures CgroupMoves::familyOut(Pid pid, const Homes& homes, const std::vector<Pid>& apart) const {
  std::vector<Pid> moved;
  // The process first: what it forks from then on is outside. What was forked just before its parent was moved, the
  // next pass finds. Who forks faster than that is let be: a group that we made is emptied at the end, whoever is in
  // it.
  constexpr int kPasses = 100;
  std::vector<Pid> family{pid};
  Failures failures;
  for (int pass = 0; pass < kPasses && !family.empty() && failures.empty(); ++pass) {
    for (std::size_t i = 0; i < family.size() && failures.empty(); ++i) {
      failures = out(family[i], homes);
      if (failures.empty()) moved.push_back(family[i]);
    }
    if (!failures.empty()) break;
    if (const int error = findFamily(moved, apart, family); error != 0)
      failures = {cgroup::moveFailure(error, path_, pid)};
  }
  // It stays a member, so it is to be frozen with what came with it: all is in again, as far as it can be.
  if (!failures.empty()) {
    for (const Pid one : std::views::reverse(moved)) in(one);
  }
  return failures;
}

}  // namespace freeze_state

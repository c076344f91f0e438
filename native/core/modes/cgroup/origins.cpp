#include "origins.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "../../os/linux/cgroupfs.h"
#include "../../os/linux/procfs.h"

namespace freeze_state {

namespace {

constexpr std::size_t kLongestLine = 1000;

/// The process and those above it, the nearest first. What is read one after the other may make a circle.
std::vector<Pid> lineOf(Pid pid) {
  std::vector<Pid> line{pid};
  ProcessEntry stat;
  while (line.size() < kLongestLine && procfs::read(line.back(), stat) == 0 && stat.parent > 0)
    line.push_back(stat.parent);
  return line;
}

}  // namespace

Origins& Origins::all() {
  static Origins& only = *new Origins();
  return only;
}

Origins::Place Origins::enter(const std::string& path, bool isMade) {
  const std::lock_guard lock(mutex_);
  Claim claim;
  for (const auto& [_, group] : groups_) {
    if (group.path == path) claim = group.claim;
  }
  if (!claim) claim = std::make_shared<std::atomic<std::uint64_t>>(0);
  groups_[++last_] = {path, isMade, claim, {}};
  return {last_, std::move(claim)};
}

void Origins::leave(std::uint64_t owner) {
  const std::lock_guard lock(mutex_);
  groups_.erase(owner);
}

void Origins::note(std::uint64_t owner, Pid pid, const Homes& homes) {
  const std::lock_guard lock(mutex_);
  if (const auto group = groups_.find(owner); group != groups_.end()) group->second.members[pid] = homes;
}

void Origins::forget(std::uint64_t owner, Pid pid) {
  const std::lock_guard lock(mutex_);
  if (const auto group = groups_.find(owner); group != groups_.end()) group->second.members.erase(pid);
}

void Origins::keepOnly(std::uint64_t owner, const std::vector<Pid>& pids) {
  const std::lock_guard lock(mutex_);
  const auto group = groups_.find(owner);
  if (group == groups_.end()) return;
  std::erase_if(group->second.members,
                [&pids](const auto& member) { return std::ranges::find(pids, member.first) == pids.end(); });
}

Homes Origins::of(std::uint64_t taker, Pid pid, const std::string& directory) {
  if (directory.empty()) return {};
  const std::lock_guard lock(mutex_);
  Homes homes{{directory}};
  std::vector<Pid> line;
  // As whose process it is there: its own, else by the nearest of those that it descends from.
  std::size_t nearest = kLongestLine;
  for (const auto& [owner, group] : groups_) {
    if (!cgroup::isWithin(directory, group.path)) continue;
    if (line.empty()) line = lineOf(pid);
    if (group.isMade && nearest == kLongestLine) homes = {{directory, owner, 0}};
    // What is in a group that was given somebody else may have put there, unless it is registered.
    const std::size_t count = std::min(group.isMade ? line.size() : 1, nearest);
    for (std::size_t i = 0; i < count; ++i) {
      const auto member = group.members.find(line[i]);
      if (member == group.members.end()) continue;
      nearest = i;
      homes = {{directory, owner, line[i]}};
      homes.insert(homes.end(), member->second.begin(), member->second.end());
    }
  }
  // Out of the taker's own it goes to where what it descends from came from. And where states take it in turn, over and
  // over, the list would grow.
  const auto own = groups_.find(taker);
  const auto isLost = [&](const Home& home) {
    return own != groups_.end() && own->second.isMade && cgroup::isWithin(home.directory, own->second.path);
  };
  Homes once;
  for (Home& home : homes) {
    const bool isKnown = std::ranges::any_of(
        once, [&home](const Home& other) { return other.directory == home.directory && other.owner == home.owner; });
    if (!isKnown && home.owner != taker && !isLost(home)) once.push_back(std::move(home));
  }
  return once;
}

int Origins::ifHome(const Home& home, const std::function<int()>& move) {
  if (home.owner == 0) return move();
  const std::lock_guard lock(mutex_);
  const auto group = groups_.find(home.owner);
  const bool isHome = group != groups_.end() && (home.member == 0 || group->second.members.contains(home.member));
  return isHome ? move() : ENOENT;
}

std::vector<Pid> Origins::ofOthersAt(std::uint64_t owner, const std::string& path) {
  const std::lock_guard lock(mutex_);
  std::vector<Pid> pids;
  for (const auto& [other, group] : groups_) {
    if (other == owner || group.path != path) continue;
    for (const auto& [pid, _] : group.members) pids.push_back(pid);
  }
  return pids;
}

}  // namespace freeze_state

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

Origins::Place Origins::enter(const std::string& path, bool isOwned) {
  const std::lock_guard lock(mutex_);
  Claim claim;
  for (const auto& [_, group] : groups_) {
    if (group.path == path) claim = group.claim;
  }
  if (!claim) claim = std::make_shared<std::atomic<std::uint64_t>>(0);
  groups_[++last_] = {path, isOwned, claim, {}};
  return {last_, std::move(claim)};
}

void Origins::leave(std::uint64_t owner) {
  const std::lock_guard lock(mutex_);
  groups_.erase(owner);
}

void Origins::note(std::uint64_t owner, Pid pid, const OriginChain& chain) {
  const std::lock_guard lock(mutex_);
  if (const auto group = groups_.find(owner); group != groups_.end()) group->second.members[pid] = chain;
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

OriginChain Origins::of(std::uint64_t taker, Pid pid, const std::string& directory) {
  if (directory.empty()) return {};
  const std::lock_guard lock(mutex_);
  OriginChain chain{{directory}};
  std::vector<Pid> line;
  // As whose process it is there: its own, else by the nearest of those that it descends from.
  std::size_t nearest = kLongestLine;
  for (const auto& [owner, group] : groups_) {
    if (!cgroup::isWithin(directory, group.path)) continue;
    if (line.empty()) line = lineOf(pid);
    if (group.isOwned && nearest == kLongestLine) chain = {{directory, owner, 0}};
    // What is in an external group others may have put there, unless it is registered.
    const std::size_t count = std::min(group.isOwned ? line.size() : 1, nearest);
    for (std::size_t i = 0; i < count; ++i) {
      const auto member = group.members.find(line[i]);
      if (member == group.members.end()) continue;
      nearest = i;
      chain = {{directory, owner, line[i]}};
      chain.insert(chain.end(), member->second.begin(), member->second.end());
    }
  }
  // Out of the taker's own it goes to where what it descends from came from. And where states take it in turn, over and
  // over, the list would grow.
  const auto own = groups_.find(taker);
  const auto isLost = [&](const Origin& origin) {
    return own != groups_.end() && own->second.isOwned && cgroup::isWithin(origin.directory, own->second.path);
  };
  OriginChain once;
  for (Origin& origin : chain) {
    const bool isKnown = std::ranges::any_of(once, [&origin](const Origin& other) {
      return other.directory == origin.directory && other.owner == origin.owner;
    });
    if (!isKnown && origin.owner != taker && !isLost(origin)) once.push_back(std::move(origin));
  }
  return once;
}

int Origins::ifOrigin(const Origin& origin, const std::function<int()>& move) {
  if (origin.owner == 0) return move();
  const std::lock_guard lock(mutex_);
  const auto group = groups_.find(origin.owner);
  const bool isOrigin = group != groups_.end() && (origin.member == 0 || group->second.members.contains(origin.member));
  return isOrigin ? move() : ENOENT;
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

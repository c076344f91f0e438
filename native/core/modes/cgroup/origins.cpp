#include "origins.h"

#include <algorithm>

#include "../../os/cgroupfs.h"

namespace freeze_state {

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

OriginMap Origins::leave(std::uint64_t owner) {
  const std::lock_guard lock(mutex_);
  const auto left = groups_.extract(owner);
  return left.empty() ? OriginMap() : std::move(left.mapped().taken);
}

void Origins::note(std::uint64_t owner, Pid pid, const std::string& directory) {
  const std::lock_guard lock(mutex_);
  if (const auto group = groups_.find(owner); group != groups_.end()) group->second.taken[pid] = directory;
}

void Origins::forget(std::uint64_t owner, Pid pid) {
  const std::lock_guard lock(mutex_);
  if (const auto group = groups_.find(owner); group != groups_.end()) group->second.taken.erase(pid);
}

void Origins::keepOnly(std::uint64_t owner, const std::vector<Pid>& pids) {
  const std::lock_guard lock(mutex_);
  const auto group = groups_.find(owner);
  if (group == groups_.end()) return;
  OriginMap kept;
  for (const Pid pid : pids) {
    if (auto one = group->second.taken.extract(pid); !one.empty()) kept.insert(std::move(one));
  }
  group->second.taken = std::move(kept);
}

std::size_t Origins::countOf(std::uint64_t owner) {
  const std::lock_guard lock(mutex_);
  const auto group = groups_.find(owner);
  return group == groups_.end() ? 0 : group->second.taken.size();
}

std::optional<std::string> Origins::of(std::uint64_t owner, Pid pid) {
  const std::lock_guard lock(mutex_);
  const auto group = groups_.find(owner);
  if (group == groups_.end()) return std::nullopt;
  const auto taken = group->second.taken.find(pid);
  return taken == group->second.taken.end() ? std::nullopt : std::optional(taken->second);
}

/// The lock is held.
std::vector<const Origins::Group*> Origins::sharersOf(std::uint64_t owner, const std::string& path) const {
  std::vector<const Group*> sharers;
  for (const auto& [other, group] : groups_) {
    if (other != owner && group.path == path) sharers.push_back(&group);
  }
  return sharers;
}

std::optional<std::string> Origins::ofSharers(std::uint64_t owner, const std::string& path, Pid pid) {
  const std::lock_guard lock(mutex_);
  for (const Group* group : sharersOf(owner, path)) {
    if (const auto taken = group->taken.find(pid); taken != group->taken.end()) return taken->second;
  }
  return std::nullopt;
}

std::vector<Pid> Origins::takenBySharers(std::uint64_t owner, const std::string& path) {
  const std::lock_guard lock(mutex_);
  std::vector<Pid> pids;
  for (const Group* group : sharersOf(owner, path)) {
    for (const auto& [pid, _] : group->taken) pids.push_back(pid);
  }
  return pids;
}

std::string Origins::holderOf(std::uint64_t owner, Pid pid, const std::string& directory) {
  const std::lock_guard lock(mutex_);
  const auto own = groups_.find(owner);
  const auto isOurs = [&](const std::string& path) { return own != groups_.end() && own->second.path == path; };
  // The innermost: a state may have made its group under another's.
  std::string innermost;
  for (const auto& [_, group] : groups_) {
    // In an external group a state holds only what it has taken: a foreign process may have put the rest there.
    const bool isHeld = group.isOwned || isOurs(group.path) || group.taken.contains(pid);
    if (isHeld && cgroup::isWithin(directory, group.path) && group.path.size() > innermost.size())
      innermost = group.path;
  }
  return isOurs(innermost) ? std::string() : innermost;
}

}  // namespace freeze_state

#include "descendants.h"

#include <utility>

namespace freeze_state {

namespace {

bool isStopped(const Member& member) noexcept { return member.stop.isSent && !member.hasExited(); }

}  // namespace

void Descendants::add(Member member, Pid parent) {
  parents_[member.pid()] = parent;
  list.add(std::move(member));
}

void Descendants::remove(Member& member) {
  const Pid pid = member.pid();
  list.remove(member);
  if (list.find(pid) == nullptr) parents_.erase(pid);
}

void Descendants::recall(Process& process) noexcept {
  const auto found = remembered_.find(process.pid);
  if (found == remembered_.end()) return;
  process.files = std::move(found->second);
  remembered_.erase(found);
}

void Descendants::remember() {
  remembered_.clear();
  for (const Member& member : list.all()) {
    if (!member.hasExited() && member.process.files) remembered_.emplace(member.pid(), member.process.files);
  }
}

void Descendants::keepSent() noexcept {
  if (list.isEmpty()) return;
  remember();
  list.removeIf([](const Member& member) { return !isStopped(member); });
  if (list.isEmpty()) parents_.clear();
}

void Descendants::keepSent(const std::unordered_set<Pid>& among) noexcept {
  list.removeIf([&](const Member& member) { return among.contains(member.pid()) && !isStopped(member); });
  for (const Pid pid : among) {
    if (list.find(pid) == nullptr) parents_.erase(pid);
  }
}

void Descendants::clear() noexcept {
  list.clear();
  parents_.clear();
  remembered_.clear();
}

Pid Descendants::parentOf(Pid pid) const noexcept {
  const auto found = parents_.find(pid);
  return found == parents_.end() ? 0 : found->second;
}

}  // namespace freeze_state

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

Process Descendants::recall(Pid pid) noexcept {
  const auto found = kept_.extract(pid);
  return found.empty() ? Process{.pid = pid} : std::move(found.mapped());
}

void Descendants::keep(Member& member) noexcept {
  if (member.hasExited()) return;
  if (!control_.keep(member.process)) {
    noteIncomplete();
    return;
  }
  resumed_.push_back({member.pid(), parentOf(member.pid())});
  kept_.insert_or_assign(member.pid(), std::exchange(member.process, {.pid = member.pid()}));
}

std::optional<std::vector<Descendants::Link>> Descendants::takeResumed() noexcept {
  std::vector<Link> links = std::exchange(resumed_, {});
  if (!std::exchange(isComplete_, false)) return std::nullopt;
  return links;
}

void Descendants::noteComplete() noexcept {
  kept_.clear();
  resumed_.clear();
  isComplete_ = true;
}

void Descendants::dropResumed() noexcept {
  if (list.isEmpty()) return;
  for (Member& member : list.all()) {
    if (!isStopped(member)) keep(member);
  }
  list.removeIf([](const Member& member) { return !isStopped(member); });
  if (list.isEmpty()) parents_.clear();
}

void Descendants::closeResumed(const std::unordered_set<Pid>& among) noexcept {
  list.removeIf([&](const Member& member) { return among.contains(member.pid()) && !isStopped(member); });
  for (const Pid pid : among) {
    if (list.find(pid) == nullptr) parents_.erase(pid);
  }
}

void Descendants::clear() noexcept {
  list.clear();
  parents_.clear();
  kept_.clear();
  resumed_.clear();
  noteIncomplete();
}

Pid Descendants::parentOf(Pid pid) const noexcept {
  const auto found = parents_.find(pid);
  return found == parents_.end() ? 0 : found->second;
}

}  // namespace freeze_state

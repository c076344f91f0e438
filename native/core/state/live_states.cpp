#include "live_states.h"

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <unordered_map>

#include "freeze_state.h"

namespace freeze_state::live_states {

namespace {

struct Entry {
  FreezeState& state;
  bool isShared = false;
};

struct Registry {
  std::mutex mutex;  ///< guards the rest; taken before a state's own lock, never after it
  std::unordered_map<std::uint64_t, Entry> entries;  ///< by id
  Pid owner = 0;  ///< a process that forked from ours and exits must not thaw our members
  bool isExiting = false;
};

/// Never destroyed: worker threads may still make and drop states while the process exits.
Registry& registry() {
  static Registry& only = *new Registry();
  return only;
}

std::atomic<std::uint64_t> lastId{0};

/// Runs in the thread that called exit(3), while other threads run. `thawAtExit` moves each word on, so a freeze that
/// is in its loop in another thread gives up after one signal and rolls back.
void thawAll() {
  Registry& all = registry();
  if (all.owner != systemControl().ownPid()) return;
  const std::lock_guard lock(all.mutex);
  all.isExiting = true;
  // First everything that is stopped is continued, in all states; the rest of the work comes after.
  for (const auto& [id, entry] : all.entries) entry.state.thawAtExit();
  for (const auto& [id, entry] : all.entries) {
    if (!entry.state.isLeftToGuardian()) entry.state.close();
  }
}

}  // namespace

std::uint64_t nextId() noexcept { return ++lastId; }

bool enter(FreezeState& state) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  if (all.isExiting) return false;
  if (all.owner == 0) {
    all.owner = systemControl().ownPid();
    // Where this library is unloaded before the process ends, its exit handlers run at that moment.
    std::atexit(thawAll);
  }
  all.entries.emplace(state.id(), Entry{state});
  return true;
}

void leave(FreezeState& state) noexcept {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  all.entries.erase(state.id());
}

void share(FreezeState& state) noexcept {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  if (const auto found = all.entries.find(state.id()); found != all.entries.end()) found->second.isShared = true;
}

std::shared_ptr<FreezeState> find(std::uint64_t id) noexcept {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const auto found = all.entries.find(id);
  if (found == all.entries.end() || !found->second.isShared) return nullptr;
  // A state that its last holder is destroying waits in `leave` for our lock: its memory is there, its count is 0.
  return found->second.state.weak_from_this().lock();
}

bool wasGiven(std::uint64_t id) noexcept { return id > 0 && id <= lastId.load(); }

}  // namespace freeze_state::live_states

#include "kept_descriptors.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "../../failure.h"

namespace freeze_state {

namespace {

std::atomic<std::size_t> kept{0};

/// The thread that has a table of descriptors of its own; 0 where none has. No thread_local variable: for that the C
/// library may allocate in each thread that asks.
std::atomic<Pid> threadWithOwnTable{0};

Pid currentThread() noexcept { return static_cast<Pid>(syscall(SYS_gettid)); }

/// Those that may have something open.
struct Keepers {
  std::mutex mutex;
  std::unordered_set<DescriptorKeeper*> list;
};

Keepers& keepers() {
  // Never destroyed: states may outlive the static objects of this library at exit.
  static Keepers& only = *new Keepers;
  return only;
}

/// Whether the program is left with enough descriptors. The kernel gives out the lowest number that is free, so a
/// number from the upper half shows that the program needs many itself.
bool isAffordable(int fd, std::size_t others) noexcept {
  // Each takes some kilobytes of the kernel's memory.
  constexpr rlim_t kMost = 4096;
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 && others < std::min(limit.rlim_cur / 4, kMost) &&
         static_cast<rlim_t>(fd) < limit.rlim_cur / 2;
}

}  // namespace

void DescriptorKeeper::enroll() noexcept {
  if (isEnrolled_) return;
  const std::lock_guard lock(keepers().mutex);
  keepers().list.insert(this);
  isEnrolled_ = true;
}

void DescriptorKeeper::leave() noexcept {
  if (!std::exchange(isEnrolled_, false)) return;
  const std::lock_guard lock(keepers().mutex);
  keepers().list.erase(this);
}

std::size_t kept_descriptors::count() noexcept { return kept.load(std::memory_order_relaxed); }

bool kept_descriptors::mayKeep(int fd) noexcept {
  if (isAffordable(fd, kept.fetch_add(1, std::memory_order_relaxed))) return true;
  release();
  return false;
}

void kept_descriptors::release() noexcept { kept.fetch_sub(1, std::memory_order_relaxed); }

void kept_descriptors::noteOwnTable() noexcept { threadWithOwnTable = currentThread(); }

std::size_t kept_descriptors::reclaim() noexcept {
  if (threadWithOwnTable.load() == currentThread()) return 0;
  const std::lock_guard lock(keepers().mutex);
  std::size_t closed = 0;
  for (DescriptorKeeper* const keeper : keepers().list) closed += keeper->closeKept();
  return closed;
}

}  // namespace freeze_state

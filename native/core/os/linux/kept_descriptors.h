#pragma once

#include <cerrno>
#include <cstddef>

namespace freeze_state {

/// Something that keeps descriptors open since it may need them again soon, and can do without them.
class DescriptorKeeper {
 public:
  DescriptorKeeper() = default;
  DescriptorKeeper(const DescriptorKeeper&) = delete;
  DescriptorKeeper& operator=(const DescriptorKeeper&) = delete;
  virtual ~DescriptorKeeper() = default;

  /// Closes what it keeps, and returns how many descriptors that were. Any thread, under the lock of the list of
  /// keepers.
  virtual std::size_t closeKept() noexcept = 0;

 protected:
  /// Joins the list of those that `kept_descriptors::reclaim` asks; a second call does nothing. A keeper calls it
  /// before it takes a lock of its own, since `reclaim` takes the locks in this order, too.
  void enroll() noexcept;
  /// Leaves the list. To be called before anything of the keeper is destroyed.
  void leave() noexcept;

 private:
  bool isEnrolled_ = false;
};

/// How many descriptors are kept open, in all threads, and how they are had back when descriptors run out. Any thread.
namespace kept_descriptors {

/// How many are kept: at most 4,096, and at most a quarter of the soft RLIMIT_NOFILE (getrlimit(2)). Where half of the
/// descriptors are in use, no more is kept.
std::size_t count() noexcept;

/// Whether this descriptor may stay open; if so, it counts as kept until `release`.
bool mayKeep(int fd) noexcept;
/// Called for one that is not kept any more.
void release() noexcept;

/// Closes all that are kept, for when descriptors have run out, and returns how many it has closed. They are opened
/// again as they are needed. On the thread that `noteOwnTable` was called on it closes nothing.
std::size_t reclaim() noexcept;
/// Called by a thread that has a table of descriptors of its own (CLONE_FILES, unshare(2)), in which the numbers that
/// are kept stand for other files. One thread of a process at most.
void noteOwnTable() noexcept;

/// Whether a call has failed since no descriptor is left, in this process or in the system.
inline bool isShortage(int error) noexcept { return error == EMFILE || error == ENFILE; }

/// Calls `take`, which opens a descriptor and returns it, or -1 with errno(3) set. Where descriptors have run out, it
/// closes those that are kept and calls it again. It repeats that while any are kept, since another thread may take
/// what was closed.
template <typename Take>
int withDescriptor(Take take) {
  int fd = take();
  while (fd < 0 && isShortage(errno) && reclaim() > 0) fd = take();
  return fd;
}

}  // namespace kept_descriptors

}  // namespace freeze_state

#include "process_files.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace freeze_state {

namespace {

/// Of all processes, in all threads.
std::atomic<std::size_t> kept{0};

/// Those that have kept a file.
struct All {
  std::mutex mutex;
  std::vector<ProcessFiles*> list;
};

All& all() {
  // Never destroyed: states may outlive the static objects of this library at exit.
  static All& only = *new All;
  return only;
}

/// Whether the program is left with enough. The kernel gives out the lowest number that is free: one from the upper
/// half shows that it needs many itself.
bool isAffordable(int fd, std::size_t others) noexcept {
  // Each takes some kilobytes of the kernel's memory.
  constexpr rlim_t kMost = 4096;
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 && others < std::min(limit.rlim_cur / 4, kMost) &&
         static_cast<rlim_t>(fd) < limit.rlim_cur / 2;
}

}  // namespace

ProcessFiles::~ProcessFiles() {
  if (isEnrolled_) {
    const std::lock_guard lock(all().mutex);
    std::erase(all().list, this);
  }
  close(threads_);
}

void ProcessFiles::forget(int& fd) noexcept {
  if (std::exchange(fd, -1) >= 0) kept.fetch_sub(1, std::memory_order_relaxed);
}

void ProcessFiles::close(int& fd) noexcept {
  if (fd >= 0) ::close(fd);
  forget(fd);
}

void ProcessFiles::close(std::vector<Thread>& threads) noexcept {
  for (Thread& thread : threads) {
    close(thread.stat);
    close(thread.children);
  }
}

/// Whether that file may stay open, too; then it is counted.
bool ProcessFiles::mayKeep(int fd) noexcept {
  if (isAffordable(fd, kept.fetch_add(1, std::memory_order_relaxed))) {
    if (isEnrolled_) return true;
    const std::lock_guard lock(all().mutex);
    all().list.push_back(this);
    isEnrolled_ = true;
    return true;
  }
  kept.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

/// Reads the file that is kept; or opens it, reads it, and keeps it where it may. `read` answers 0 or an errno(3).
template <typename Read>
int ProcessFiles::readFile(Thread& thread, int Thread::* which, const char* file, Read read) {
  const int error = readOnce(thread, which, file, read);
  if (!isOutOfDescriptors(error) || openFiles() == 0) return error;
  giveBackAll();
  return readOnce(thread, which, file, read);
}

template <typename Read>
int ProcessFiles::readOnce(Thread& thread, int Thread::* which, const char* file, Read read) {
  const std::lock_guard lock(open_);
  const bool isStat = which == &Thread::stat;
  int& kept = thread.*which;
  if (kept >= 0) {
    const int error = read(kept);
    if (error == 0) return 0;
    if (error == ESRCH) {
      close(kept);
      return ESRCH;
    }
    // The program has closed what was not its own, and the numbers may be other files' now: those stay open.
    forget(kept);
    if (isStat) forget(thread.children);
  }
  if (isStat) {
    // What is opened now may be of another thread with this number.
    close(thread.children);
    if (&thread == &threads_.front()) isOfOwner_ = false;
  }
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/task/%d/%s", pid_, thread.id, file);
  const int fd = ::open(path.data(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? ESRCH : errno;
  const int error = read(fd);
  // Only the open `stat` tells that the thread of the open `children` still lives.
  const bool isChecked = isStat || thread.stat >= 0;
  if (error == 0 && isChecked && mayKeep(fd))
    kept = fd;
  else
    ::close(fd);
  return error;
}

int ProcessFiles::read(ProcessEntry& entry) noexcept {
  isSettled_ = false;
  if (threads_.empty()) forgetThreads();
  int error = readThread(0, entry);
  // What was kept may be of another process that had this number. Or the process went while it was read: it was reaped,
  // or the thread that called execve(2) has taken over its number.
  if (error == ESRCH || (error == 0 && entry.threads == 0)) {
    forgetThreads();
    error = readThread(0, entry);
  }
  if (error == 0) threadsAtLastRead_ = static_cast<std::size_t>(std::max<std::int64_t>(entry.threads, 0));
  return error;
}

/// All but the first, whose files are opened anew.
void ProcessFiles::forgetThreads() noexcept {
  const std::lock_guard lock(open_);
  close(threads_);
  threads_.assign(1, {pid_});
  ++lists_;
  isStale_ = false;
}

std::optional<int> ProcessFiles::list(const Slice& slice) noexcept {
  if (!listing_) {
    listed_.clear();
    listing_.emplace(pid_);
  }
  for (Pid thread = 0; listing_->next(thread);) {
    listed_.push_back({thread});
    if (slice.isOver()) return std::nullopt;
  }
  const int error = listing_->error();
  listing_.reset();
  if (error != 0) return error == ENOENT ? ESRCH : error;
  const std::lock_guard lock(open_);
  // Of the others, another one may have the number of an earlier one.
  if (!threads_.empty() && !listed_.empty() && threads_.front().id == listed_.front().id)
    std::swap(threads_.front(), listed_.front());
  std::swap(threads_, listed_);
  ++lists_;
  close(listed_);
  listed_.clear();
  isStale_ = false;
  return 0;
}

void ProcessFiles::unsettle() noexcept {
  isSettled_ = false;
  listing_.reset();
}

int ProcessFiles::readThread(std::size_t index, ProcessEntry& entry) noexcept {
  Thread& thread = threads_[index];
  const int error =
      readFile(thread, &Thread::stat, "stat", [&](int fd) { return procfs::readStat(fd, thread.id, entry); });
  // One that has ended is about to leave the list, and another one may have come.
  if (error == ESRCH || (error == 0 && index > 0 && entry.hasThreadExited())) isStale_ = true;
  return error;
}

int ProcessFiles::readChildren(std::size_t index, std::vector<Pid>& children) {
  Thread& thread = threads_[index];
  return readFile(thread, &Thread::children, "children", [&](int fd) { return procfs::readChildren(fd, children); });
}

std::size_t ProcessFiles::openFiles() noexcept { return kept.load(std::memory_order_relaxed); }

void ProcessFiles::giveBackAll() noexcept {
  const std::lock_guard lock(all().mutex);
  for (ProcessFiles* const files : all().list) {
    const std::unique_lock open(files->open_, std::try_to_lock);
    if (open.owns_lock()) close(files->threads_);
  }
}

}  // namespace freeze_state

#include "process_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "kernel_file.h"

namespace freeze_state {

namespace {

using Path = std::array<char, 64>;

Path pathOf(Pid directory, Pid thread, const char* file) noexcept {
  Path path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/task/%d/%s", directory, thread, file);
  return path;
}

/// What /proc says that the descriptor stands for; empty where it stands for nothing, or /proc cannot be read.
Path targetOf(int fd) noexcept {
  Path link{};
  Path target{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", fd);
  if (readlink(link.data(), target.data(), target.size() - 1) < 0) return {};
  return target;
}

}  // namespace

ProcessFiles::~ProcessFiles() {
  leave();
  close(threads_);
  closePidfd();
  if (isPidfdCounted_) kept_descriptors::release();
}

void ProcessFiles::forget(int& fd) noexcept {
  if (std::exchange(fd, -1) >= 0) kept_descriptors::release();
}

std::size_t ProcessFiles::close(int& fd) noexcept {
  if (fd < 0) return 0;
  ::close(fd);
  forget(fd);
  return 1;
}

std::size_t ProcessFiles::close(std::span<Thread> threads) noexcept {
  std::size_t closed = 0;
  for (Thread& thread : threads) closed += close(thread.stat) + close(thread.children);
  return closed;
}

/// If the program has closed what was not its own, the number may be another file's now: that stays open.
void ProcessFiles::closeUnreadable(int& fd, const Thread& thread, const char* file) const noexcept {
  if (fd >= 0 && targetOf(fd) == pathOf(directoryOf(thread), thread.id, file)) ::close(fd);
  forget(fd);
}

/// Reads the file that is kept; or opens it, reads it, and keeps it where it may. `read` answers 0 or an errno(3).
template <typename Read>
int ProcessFiles::readFile(Thread& thread, int Thread::* which, const char* file, Read read) {
  enroll();
  int error = readOnce(thread, which, file, read);
  while (kept_descriptors::isShortage(error) && kept_descriptors::reclaim() > 0)
    error = readOnce(thread, which, file, read);
  return error;
}

template <typename Read>
int ProcessFiles::readOnce(Thread& thread, int Thread::* which, const char* file, Read read) {
  const std::lock_guard lock(open_);
  const bool isStat = which == &Thread::stat;
  int& keptFd = thread.*which;
  if (keptFd >= 0) {
    const int error = read(keptFd);
    if (error == 0) return 0;
    if (error == ESRCH) {
      close(keptFd);
      return ESRCH;
    }
    closeUnreadable(keptFd, thread, file);
    if (isStat) closeUnreadable(thread.children, thread, "children");
  }
  if (isStat) {
    // What is opened now may be of another thread with this number.
    close(thread.children);
    if (&thread == &threads_.front()) isOfOwner_ = false;
  }
  const int fd = ::open(pathOf(directoryOf(thread), thread.id, file).data(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? ESRCH : errno;
  const int error = read(fd);
  // Only the open `stat` tells that the thread of the open `children` still lives.
  const bool isChecked = isStat || thread.stat >= 0;
  if (error == 0 && isChecked && kept_descriptors::mayKeep(fd))
    keptFd = fd;
  else
    ::close(fd);
  return error;
}

int ProcessFiles::read(ProcessEntry& entry) noexcept {
  isQuiescent_ = false;
  if (threads_.empty()) forgetThreads();
  int error = readThread(0, entry);
  // What was kept may be of another process that had this number. Or the process went while it was read: it was reaped,
  // or the thread that called execve(2) has taken over its number.
  if (error == ESRCH || error == ESTALE || (error == 0 && entry.threads == 0)) {
    forgetThreads();
    error = readThread(0, entry);
  }
  if (error != 0) return error;
  threadsAtLastRead_ = static_cast<std::size_t>(std::max<std::int64_t>(entry.threads, 0));
  // The others have ended, by an execve(2), for example, and most often nobody asks for them again.
  if (entry.threads == 1 && count() > 1) forgetOthers();
  return 0;
}

/// Forgets all threads but the first.
void ProcessFiles::forgetOthers() noexcept {
  std::vector<Thread> first(1, {pid_});
  replaceThreads(first);
}

/// Forgets all but the first, whose files are then opened anew.
void ProcessFiles::forgetThreads() noexcept {
  {
    const std::lock_guard lock(open_);
    close(threads_);
  }
  forgetOthers();
}

/// Replaces the list. Closes the files of the threads that were in the old one, except the first.
void ProcessFiles::replaceThreads(std::vector<Thread>& threads) noexcept {
  const std::lock_guard lock(open_);
  // Only the first keeps its files: among the others, a new thread may have the number of an earlier one.
  if (!threads_.empty() && !threads.empty() && threads_.front().id == threads.front().id)
    std::swap(threads_.front(), threads.front());
  std::swap(threads_, threads);
  close(threads);
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
  replaceThreads(listed_);
  listed_.clear();
  return 0;
}

void ProcessFiles::noteSignalled() noexcept {
  isQuiescent_ = false;
  listing_.reset();
}

int ProcessFiles::readThread(std::size_t index, ProcessEntry& entry) noexcept {
  Thread& thread = threads_[index];
  const auto read = [&] {
    return readFile(thread, &Thread::stat, "stat", [&](int fd) { return procfs::readStat(fd, thread.id, entry); });
  };
  int error = read();
  if (error == ESTALE && index > 0) {
    thread.isMisled = true;
    error = read();
  }
  if (isMissing(thread)) error = ESRCH;
  // A thread that has ended is about to leave the list, and another one may have come.
  if (error == ESRCH || (error == 0 && index > 0 && entry.hasThreadExited())) isStale_ = true;
  return error;
}

/// Whether the files that are found by the number alone may be those of another process's thread.
bool ProcessFiles::isMissing(const Thread& thread) const noexcept {
  return thread.isMisled && procfs::processOf(thread.id) != pid_;
}

int ProcessFiles::readChildren(std::size_t index, std::vector<Pid>& children) {
  Thread& thread = threads_[index];
  if (isMissing(thread)) return ESRCH;
  return readFile(thread, &Thread::children, "children", [&](int fd) { return kernel_file::readPids(fd, children); });
}

void ProcessFiles::keepPidfd(int fd) noexcept {
  enroll();
  const std::lock_guard lock(open_);
  // Once it was affordable it stays counted while it is held, so that the next thaw does not ask for the limit again.
  isPidfdCounted_ = isPidfdCounted_ || kept_descriptors::mayKeep(fd);
  if (isPidfdCounted_)
    pidfd_ = fd;
  else
    ::close(fd);
}

int ProcessFiles::takePidfd() noexcept {
  const std::lock_guard lock(open_);
  return std::exchange(pidfd_, -1);
}

bool ProcessFiles::isAnyOpen() noexcept {
  const std::lock_guard lock(open_);
  return pidfd_ >= 0 ||
         std::ranges::any_of(threads_, [](const Thread& thread) { return thread.stat >= 0 || thread.children >= 0; });
}

/// Closes the pidfd, if nothing holds the process.
std::size_t ProcessFiles::closePidfd() noexcept {
  const std::size_t closed = close(pidfd_);
  if (closed > 0) isPidfdCounted_ = false;
  return closed;
}

std::size_t ProcessFiles::closeKept() noexcept {
  const std::lock_guard lock(open_);
  return close(threads_) + closePidfd();
}

}  // namespace freeze_state

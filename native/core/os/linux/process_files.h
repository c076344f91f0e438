#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "kept_descriptors.h"
#include "procfs.h"

namespace freeze_state {

/// What is kept open of one process: the `stat` and `children` files of its threads in /proc, from one probe to the
/// next, and its pidfd while nothing holds the process. To read an open file costs a tenth to a half of opening,
/// reading and closing it.
///
/// An open file of /proc is bound to its thread, whichever thread gets the number later. Once that thread has ended,
/// `stat` answers ESRCH, and `children` nothing at all: so a list of children is complete only where all of the threads
/// are known to live.
///
/// Belongs to a `Process`, under the lock of its state. Only `closeKept` is called by other threads.
class ProcessFiles final : private DescriptorKeeper {
 public:
  explicit ProcessFiles(Pid pid) noexcept : pid_(pid) {}
  ProcessFiles(const ProcessFiles&) = delete;
  ProcessFiles& operator=(const ProcessFiles&) = delete;
  ~ProcessFiles() override;

  Pid pid() const noexcept { return pid_; }

  /// Reads the `stat` of the first thread, and answers as `procfs::read`. Afterwards the process counts as not
  /// quiescent.
  int read(ProcessEntry& entry) noexcept;

  /// Whether what `read` answers is known to be about the process that this belongs to. Call `noteOwner` once that
  /// process was seen to live after `read` had answered. A file that is opened later, by the number, may be another
  /// process's.
  bool isOfOwner() const noexcept { return isOfOwner_; }
  void noteOwner() noexcept { isOfOwner_ = true; }

  /// Lists the threads, in steps. Returns 0, or the errno(3); empty where the slice cut it short.
  std::optional<int> list(const Slice& slice) noexcept;
  /// Whether the list has as many threads as the process had at the last `read`, and each of them that was asked has
  /// answered. Even then threads may have taken the places of others since.
  bool isListed() const noexcept { return !isStale_ && count() == threadsAtLastRead_; }
  std::size_t count() const noexcept { return threads_.size(); }
  /// How many lists there have been, by which a caller notices a new one.
  unsigned lists() const noexcept { return lists_; }
  Pid thread(std::size_t index) const noexcept { return threads_[index].id; }

  /// Reads the `stat` of a thread in the list. Returns 0, or the errno(3): ESRCH where it has ended.
  int readThread(std::size_t index, ProcessEntry& entry) noexcept;
  /// Appends the children of a thread in the list, the oldest first. Returns 0, or the errno(3).
  int readChildren(std::size_t index, std::vector<Pid>& children);

  /// Keeps the pidfd of a process that is not held any more; or closes it where it may not stay open.
  void keepPidfd(int fd) noexcept;
  /// The pidfd that was kept, which is the caller's from now on; -1 where none was, or it was closed since.
  int takePidfd() noexcept;
  /// Whether anything of the process is kept open.
  bool isAnyOpen() noexcept;

  /// Called when all threads in the list were seen stopped, and there is no other one. Until the process is continued,
  /// no thread is added, and none ends without the others.
  void noteQuiescent() noexcept { isQuiescent_ = isListed(); }
  bool isQuiescent() const noexcept { return isQuiescent_; }
  /// Called before a signal is sent: from now on the process may run. Gives up a list in progress.
  void noteSignalled() noexcept;

 private:
  struct Thread {
    Pid id;
    bool isMisled = false;  ///< its directory in that of the process is, as `procfs::readThread` says
    int stat = -1;
    int children = -1;
  };

  template <typename Read>
  int readFile(Thread& thread, int Thread::* which, const char* file, Read read);
  template <typename Read>
  int readOnce(Thread& thread, int Thread::* which, const char* file, Read read);
  bool isMissing(const Thread& thread) const noexcept;
  std::size_t closeKept() noexcept override;
  void replaceThreads(std::vector<Thread>& threads) noexcept;
  void forgetOthers() noexcept;
  void forgetThreads() noexcept;
  Pid directoryOf(const Thread& thread) const noexcept { return thread.isMisled ? thread.id : pid_; }
  void closeUnreadable(int& fd, const Thread& thread, const char* file) const noexcept;
  std::size_t closePidfd() noexcept;
  static void forget(int& fd) noexcept;
  static std::size_t close(int& fd) noexcept;
  static std::size_t close(std::span<Thread> threads) noexcept;

  const Pid pid_;
  std::vector<Thread> threads_;  ///< in the order of /proc, the first of the process first
  unsigned lists_ = 0;
  std::size_t threadsAtLastRead_ = 0;
  bool isOfOwner_ = false;
  bool isStale_ = false;  ///< one of them has ended
  bool isQuiescent_ = false;
  std::optional<procfs::Threads> listing_;  ///< in progress
  std::vector<Thread> listed_;              ///< by that
  std::mutex open_;                         ///< guards the descriptors
  int pidfd_ = -1;                          ///< while nothing holds the process
  bool isPidfdCounted_ = false;             ///< it is kept, or was and is held now
};

}  // namespace freeze_state

#pragma once

#include <cerrno>
#include <cstddef>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "procfs.h"

namespace freeze_state {

/// What is kept open of one process. Of /proc the `stat` and `children` files of its threads, from one probe to the
/// next: to read an open one costs a tenth to a half of opening, reading and closing it. And its pidfd, while nothing
/// holds the process.
///
/// An open file of /proc is bound to its thread, whoever gets the number later. Once that has ended, `stat` answers
/// ESRCH, and `children` nothing at all: so a list of children is complete only where all of the threads are known to
/// live.
///
/// Belongs to a `Process`, under the lock of its state. Only `reclaim` comes from elsewhere.
class ProcessFiles {
 public:
  explicit ProcessFiles(Pid pid) noexcept : pid_(pid) {}
  ProcessFiles(const ProcessFiles&) = delete;
  ProcessFiles& operator=(const ProcessFiles&) = delete;
  ~ProcessFiles();

  Pid pid() const noexcept { return pid_; }

  /// As `procfs::read`. Afterwards the process counts as not quiescent.
  int read(ProcessEntry& entry) noexcept;

  /// Whether what `read` answers is known to be of the process that this belongs to. To be noted once that process was
  /// seen to live after `read` had answered: what is opened later, by the number, may be of another one.
  bool isOfOwner() const noexcept { return isOfOwner_; }
  void noteOwner() noexcept { isOfOwner_ = true; }

  /// Lists the threads, in steps: 0, or the errno(3), and nothing where the slice cut it short.
  std::optional<int> list(const Slice& slice) noexcept;
  /// Whether that is as long a list as the process had threads when `read` was last asked, and each that was asked has
  /// answered. Threads may have taken the places of others since.
  bool isListed() const noexcept { return !isStale_ && count() == threadsAtLastRead_; }
  std::size_t count() const noexcept { return threads_.size(); }
  /// How often there was another list.
  unsigned lists() const noexcept { return lists_; }
  Pid thread(std::size_t index) const noexcept { return threads_[index].id; }

  /// The line of one in the list. ESRCH: it has ended.
  int readThread(std::size_t index, ProcessEntry& entry) noexcept;
  /// Appends the children of one in the list, the oldest first.
  int readChildren(std::size_t index, std::vector<Pid>& children);

  /// Keeps the pidfd of a process that is not held any more; or closes it where it may not stay open.
  void keepPidfd(int fd) noexcept;
  /// That one, which is the caller's from now on; -1 where none was kept, or it was closed since.
  int takePidfd() noexcept;
  /// Whether anything of the process is kept open.
  bool isAnyOpen() noexcept;

  /// All of the threads in the list were seen stopped, and there is no other one. Until it is continued no thread
  /// comes, and none goes without the others.
  void noteQuiescent() noexcept { isQuiescent_ = isListed(); }
  bool isQuiescent() const noexcept { return isQuiescent_; }
  /// From now on it may run. A list in progress is given up.
  void noteSignalled() noexcept;

  /// Does what takes a descriptor, and answers with it, or with -1 and errno(3). Where none was left, and some are kept
  /// here, they are closed, and it is done once more; and so on, since another thread may take what was closed.
  template <typename Take>
  static int withDescriptor(Take take) {
    int fd = take();
    while (fd < 0 && isOutOfDescriptors(errno) && reclaim() > 0) fd = take();
    return fd;
  }

  /// How many descriptors are kept open, of all processes, with the pidfds that were kept and are held now: at most
  /// 4,096, and at most a quarter of the soft RLIMIT_NOFILE (getrlimit(2)). Where half of the descriptors are in use,
  /// no more is kept.
  static std::size_t openFiles() noexcept;
  /// Closes those of all processes, since descriptors have run out, and returns how many it has closed. They are opened
  /// again as they are needed. Called on any thread; closes nothing on the one that `noteOwnTable` was called on.
  static std::size_t reclaim() noexcept;
  /// To be called by a thread that has a table of descriptors of its own (CLONE_FILES, unshare(2)): the numbers that
  /// are kept stand for other files there. One thread of a process at most.
  static void noteOwnTable() noexcept;

 private:
  static bool isOutOfDescriptors(int error) noexcept { return error == EMFILE || error == ENFILE; }

  struct Thread {
    Pid id;
    int stat = -1;
    int children = -1;
  };

  template <typename Read>
  int readFile(Thread& thread, int Thread::* which, const char* file, Read read);
  template <typename Read>
  int readOnce(Thread& thread, int Thread::* which, const char* file, Read read);
  void enroll() noexcept;
  /// Whether that file may stay open, too; then it is counted.
  static bool mayKeep(int fd) noexcept;
  void replaceThreads(std::vector<Thread>& threads) noexcept;
  void forgetOthers() noexcept;
  void forgetThreads() noexcept;
  void closeUnreadable(int& fd, Pid thread, const char* file) const noexcept;
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
  bool isEnrolled_ = false;                 ///< among those that `reclaim` asks
};

}  // namespace freeze_state

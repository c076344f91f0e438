#pragma once

#include <cerrno>
#include <cstddef>
#include <mutex>
#include <optional>
#include <vector>

#include "procfs.h"

namespace freeze_state {

/// What /proc has of one process: the `stat` and `children` files of its threads, kept open from one look to the next.
/// To read an open one costs a tenth to a half of opening, reading and closing it.
///
/// An open file of /proc is bound to its thread, whoever gets the number later. Once that has ended, `stat` answers
/// ESRCH, and `children` nothing at all: so a list of children is complete only where all of the threads are known to
/// live.
///
/// Belongs to a `Process`, under the lock of its state. Only `giveBackAll` comes from elsewhere.
class ProcessFiles {
 public:
  explicit ProcessFiles(Pid pid) noexcept : pid_(pid) {}
  ProcessFiles(const ProcessFiles&) = delete;
  ProcessFiles& operator=(const ProcessFiles&) = delete;
  ~ProcessFiles();

  Pid pid() const noexcept { return pid_; }

  /// As `procfs::read`. Afterwards the list of threads counts as not settled.
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

  /// All of the threads in the list were seen stopped, and there is no other one. Until it is continued no thread
  /// comes, and none goes without the others.
  void settle() noexcept { isSettled_ = isListed(); }
  bool isSettled() const noexcept { return isSettled_; }
  /// From now on it may run. A list in progress is given up.
  void unsettle() noexcept;

  /// Does what takes a descriptor, and answers with it, or with -1 and errno(3). Where none was left, and some are kept
  /// here, they are closed, and it is done once more.
  template <typename Take>
  static int withDescriptor(Take take) {
    const int fd = take();
    if (fd >= 0 || !isOutOfDescriptors(errno) || openFiles() == 0) return fd;
    giveBackAll();
    return take();
  }

  /// How many files are kept open, of all processes: at most 4,096, and at most a quarter of the soft RLIMIT_NOFILE
  /// (getrlimit(2)). Where half of the descriptors are in use, no more is kept.
  static std::size_t openFiles() noexcept;
  /// Closes those of all processes, but of one that is being read now: the descriptors are wanted. They are opened
  /// again as they are needed. Called on any thread.
  static void giveBackAll() noexcept;

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
  bool mayKeep(int fd) noexcept;
  void forgetThreads() noexcept;
  static void forget(int& fd) noexcept;
  static void close(int& fd) noexcept;
  static void close(std::vector<Thread>& threads) noexcept;

  const Pid pid_;
  std::vector<Thread> threads_;  ///< in the order of /proc, the first of the process first
  unsigned lists_ = 0;
  std::size_t threadsAtLastRead_ = 0;
  bool isOfOwner_ = false;
  bool isStale_ = false;  ///< one of them has ended
  bool isSettled_ = false;
  std::optional<procfs::Threads> listing_;  ///< in progress
  std::vector<Thread> listed_;              ///< by that
  std::mutex open_;                         ///< guards the descriptors
  bool isEnrolled_ = false;                 ///< among those that `giveBackAll` asks
};

}  // namespace freeze_state

#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../../failure.h"
#include "../file_descriptor.h"
#include "../process_table.h"

/// The files of proc(5).
namespace freeze_state::procfs {

/// Whether there is a /proc, and its numbers are those of our pid namespace. Where they are not, a number means another
/// process there than here. Then what here takes a pid answers as if there were no /proc.
bool isOurs() noexcept;

/// Reads /proc/<pid>/stat. Returns 0, or the errno(3): ESRCH where there is no such task, or no /proc. Any other, such
/// as EMFILE, says nothing about the task.
int read(Pid pid, ProcessEntry& entry) noexcept;

/// Reads the `stat` of a thread, and answers as `read` does: ESRCH where the process has no such thread.
///
/// It is /proc/<pid>/task/<thread>/stat, unless that directory is misled. The kernel finds the task first, and asks for
/// its number when it makes the directory (proc_pid_make_inode in its fs/proc/base.c). If the task has called execve(2)
/// in between, that is the number of its process, and from then on the directory leads to the first thread, for as long
/// as that lives. If later another thread has the number, its files are found by /proc/<thread>/task/<thread>.
int readThread(Pid pid, Pid thread, ProcessEntry& entry) noexcept;

/// The process that has this thread (`Tgid` in /proc/<thread>/status); 0 where there is no such thread, or that cannot
/// be read.
Pid processOf(Pid thread) noexcept;

/// Reads an open stat file, which is to be of that task, from its beginning. Returns 0, or the errno(3): ESRCH where
/// the task has ended, ESTALE where the file is another task's.
int readStat(int fd, Pid task, ProcessEntry& entry) noexcept;

/// Whether a SIGSTOP that was sent to the process was not taken yet (`ShdPnd` in /proc/<pid>/status). A process that
/// its tracer has stopped for a moment (t) may take it later. Empty where that cannot be read.
std::optional<bool> hasStopPending(Pid pid) noexcept;

/// The process that traces the task (`TracerPid` in /proc/<pid>/status, which is one of its threads); 0 where there is
/// none.
Pid tracerOf(Pid pid) noexcept;

/// Whether the number is the id of a thread that does not lead its process (`Tgid` in /proc/<pid>/status). Empty where
/// that cannot be read.
std::optional<bool> isThread(Pid pid) noexcept;

/// The process group, by getpgid(2), or by /proc where a filter denies that call; 0 where there is no such process.
Pid groupOf(Pid pid) noexcept;

/// Whether the task is one of the kernel's own. False where that cannot be read.
bool isKernelThread(Pid pid) noexcept;

/// Whether /proc shows the processes of every user; it may be mounted to hide those of others (hidepid).
bool showsAll() noexcept;

/// The text of /proc/<pid>/<file> without its last newline; '' where it cannot be read.
std::string line(Pid pid, const char* file);

/// The numbers in a directory of /proc, one after the other. They are read a few at a time, since the kernel takes a
/// microsecond to make each: readdir(3) would have a thousand made before it gives the first.
class Numbers {
 public:
  /// Begins at that position of the directory.
  explicit Numbers(const char* path, off_t position = 0) noexcept;

  /// The next number. False at the end, and after an error.
  bool next(Pid& number) noexcept;
  /// The position of the last entry so far that is no number; 0 where there was none.
  off_t lastOther() const noexcept { return lastOther_; }
  /// 0, or the errno(3) that opening or reading answered with.
  int error() const noexcept { return error_; }

 private:
  bool refill() noexcept;

  FileDescriptor directory_;
  int error_ = 0;
  alignas(8) std::array<char, 512> entries_;  ///< as getdents64(2) fills it
  std::size_t next_ = 0;
  std::size_t end_ = 0;
  off_t position_ = 0;  ///< of the next entry
  off_t lastOther_ = 0;
};

/// The threads of a process, by their ids.
class Threads : public Numbers {
 public:
  /// Skips that many at the beginning.
  explicit Threads(Pid pid, int skip = 0) noexcept
      : Numbers(pathOf(pid).data(), skip > 0 ? kDots + skip : 0), pid_(pid), isFirst_(skip == 0) {}

  /// The number of the process is that of its first thread. The kernel shows it again where another thread takes it
  /// over meanwhile, by execve(2). That one would be counted twice, so the second time it is left out.
  bool next(Pid& thread) noexcept {
    while (Numbers::next(thread)) {
      if (std::exchange(isFirst_, false) || thread != pid_) return true;
    }
    return false;
  }

 private:
  /// The first two are the directory itself and the one above.
  static constexpr off_t kDots = 2;
  static std::array<char, 32> pathOf(Pid pid) noexcept;

  const Pid pid_;
  bool isFirst_;
};

/// All processes, by their ids. The other entries of /proc, dozens of them, come first (proc_root_readdir in the
/// kernel's proc/root.c), so from the second time on it begins at the last of those. Not at the first process: one with
/// a lower number may be shown later.
class Processes : public Numbers {
 public:
  Processes() noexcept : Numbers("/proc", begin()) {}

  bool next(Pid& pid) noexcept {
    const bool isFound = Numbers::next(pid);
    if (isFound && std::exchange(isFirst_, false)) known().store(lastOther(), std::memory_order_relaxed);
    return isFound;
  }
  /// Where the next one begins.
  static off_t begin() noexcept { return known().load(std::memory_order_relaxed); }

 private:
  static std::atomic<off_t>& known() noexcept {
    static std::atomic<off_t> position{0};
    return position;
  }

  bool isFirst_ = true;
};

}  // namespace freeze_state::procfs

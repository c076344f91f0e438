#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../../deadline.h"
#include "../../failure.h"
#include "../process_control.h"

/// What proc(5) tells of a process.
namespace freeze_state::proc {

struct Stat {
  char state;               ///< field 3: R, S, D, T, t, Z, X, I
  Pid parent;               ///< field 4
  Pid group;                ///< field 5
  std::int64_t threads;     ///< field 20
  std::uint64_t startTime;  ///< field 22: clock ticks since boot
};

/// Reads /proc/<pid>/stat. Returns 0, or the errno(3): ESRCH where there is no such task, or no /proc. Any other, such
/// as EMFILE, says nothing about the task.
int stat(Pid pid, Stat& stat) noexcept;

/// What the process does, its threads included. `Gone` where there is no such task; `Unknown` where /proc cannot tell.
ProcessState look(Pid pid) noexcept;

/// The same, bit by bit: nothing where the deadline cut it short. `threadsStopped` is how many threads were seen
/// stopped by then, 0 at first; the next call goes on from there.
std::optional<ProcessState> look(Pid pid, int& threadsStopped, Deadline until) noexcept;

/// Whether /proc shows the processes of everybody; it may be mounted to hide those of others (hidepid).
bool showsAll() noexcept;

/// Reads the whole of a file of /proc. Returns 0, or the errno(3).
int readAll(const char* path, std::string& text);

/// The numbers in a directory of /proc, one after the other. They are read a few at a time, since the kernel takes a
/// microsecond to make each: readdir(3) would have a thousand made before it gives the first.
class Numbers {
 public:
  /// From the one on that so many others come before.
  explicit Numbers(const char* path, int passOver = 0) noexcept;
  Numbers(const Numbers&) = delete;
  Numbers& operator=(const Numbers&) = delete;
  ~Numbers();

  /// False at the end, and after an error.
  bool next(Pid& number) noexcept;
  /// 0, or the errno(3) that opening or reading answered with.
  int error() const noexcept { return error_; }

 private:
  bool refill() noexcept;

  int fd_;
  int error_ = 0;
  alignas(8) std::array<char, 512> entries_;  ///< as getdents64(2) fills it
  std::size_t next_ = 0;
  std::size_t end_ = 0;
};

/// Whether the number is the id of a thread that does not lead its process (`Tgid` in /proc/<pid>/status).
bool isThread(Pid pid) noexcept;

}  // namespace freeze_state::proc

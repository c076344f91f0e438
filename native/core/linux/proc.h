#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../failure.h"
#include "../signaller.h"

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

/// Whether /proc shows the processes of everybody; it may be mounted to hide those of others (hidepid).
bool showsAll() noexcept;

/// Reads the whole of a file of /proc. Returns 0, or the errno(3).
int readAll(const char* path, std::string& text);

/// The numbers in a directory of /proc, one after the other.
class Numbers {
 public:
  explicit Numbers(const char* path) noexcept;
  Numbers(const Numbers&) = delete;
  Numbers& operator=(const Numbers&) = delete;
  ~Numbers();

  /// False at the end, and after an error.
  bool next(Pid& number) noexcept;
  /// 0, or the errno(3) that opening or reading answered with.
  int error() const noexcept { return error_; }

 private:
  void* directory_;
  int error_ = 0;
};

/// Whether the number is the id of a thread that does not lead its process (`Tgid` in /proc/<pid>/status).
bool isThread(Pid pid) noexcept;

}  // namespace freeze_state::proc

#pragma once

#include <sys/types.h>

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "../../failure.h"
#include "../file_descriptor.h"

/// How a file is read whose text the kernel makes as it is read: one of proc(5) or of a control group. Any thread.
namespace freeze_state::kernel_file {

/// Most such files fit in it.
using Buffer = std::array<char, 4096>;

/// Opens a file for reading, as `kept_descriptors::withDescriptor` does. `flags`: others of open(2), such as
/// O_DIRECTORY. Where that fails, errno(3) says why.
FileDescriptor open(const char* path, int flags = 0) noexcept;

/// Reads the beginning of a task's file. Returns 0, or the errno(3); ESRCH where there is no such task.
int readBeginning(const char* path, Buffer& buffer, std::string_view& text) noexcept;

/// Finds the rest of the line that begins with `start`, which has the newline before it, in a task's file. Empty where
/// no line does. A line before it may be longer than the buffer, as that of 65,536 groups is in a status file
/// (proc_pid_status(5)). Returns 0, or the errno(3); ESRCH where there is no such task.
int findLine(const char* path, std::string_view start, Buffer& buffer, std::string_view& line) noexcept;

/// Reads the whole of a file. Returns 0, or the errno(3).
int readAll(const char* path, std::string& text);

/// Reads an open file from its beginning, and appends the pids in it in their order: of a children file
/// (proc_tid_children(5)), the oldest child first, or of cgroup.procs or cgroup.threads. Leaves out 0, which stands for
/// what our pid namespace does not have. Returns 0, or the errno(3). The children file of a thread that has ended reads
/// as empty.
int readPids(int fd, std::vector<Pid>& pids);

/// As pread(2), and again where a signal has interrupted it.
ssize_t readAt(int fd, Buffer& buffer, off_t offset) noexcept;

/// The number that the text begins with; empty where there is none.
template <typename Number>
std::optional<Number> parse(std::string_view text, int base = 10) noexcept {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

}  // namespace freeze_state::kernel_file

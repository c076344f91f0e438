#include "proc.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>

namespace freeze_state::proc {

namespace {

using Buffer = std::array<char, 2048>;

/// Reads the beginning of /proc/<pid>/<file>. Returns 0, or the errno(3); ESRCH where there is no such task.
int read(Pid pid, const char* file, Buffer& buffer, std::string_view& text) noexcept {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/%s", pid, file);
  const int fd = open(path.data(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? ESRCH : errno;
  const ssize_t length = ::read(fd, buffer.data(), buffer.size());
  // A task that was reaped since the opening answers ESRCH.
  const int error = length < 0 ? errno : 0;
  close(fd);
  if (error == 0) text = std::string_view(buffer.data(), static_cast<std::size_t>(length));
  return error;
}

template <typename Number>
std::optional<Number> parse(std::string_view text) noexcept {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

}  // namespace

int stat(Pid pid, Stat& stat) noexcept {
  Buffer buffer;
  std::string_view text;
  if (const int error = read(pid, "stat", buffer, text); error != 0) return error;
  // Field 2 is the command in parentheses and may hold any character, parentheses and spaces too: the last one ends it.
  const auto command = text.rfind(") ");
  if (command == std::string_view::npos) return EIO;
  text.remove_prefix(command + 2);
  const char state = text.empty() ? 'X' : text.front();
  constexpr int kFieldsFromStateToStartTime = 22 - 3;
  for (int field = 0; field < kFieldsFromStateToStartTime; ++field) {
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return EIO;
    text.remove_prefix(space + 1);
  }
  const auto startTime = parse<std::uint64_t>(text);
  if (!startTime) return EIO;
  stat = {state, *startTime};
  return 0;
}

bool isThread(Pid pid) noexcept {
  Buffer buffer;
  std::string_view text;
  if (read(pid, "status", buffer, text) != 0) return false;
  constexpr std::string_view kField = "\nTgid:\t";
  const auto at = text.find(kField);
  if (at == std::string_view::npos) return false;
  const auto leader = parse<Pid>(text.substr(at + kField.size()));
  return leader && *leader != pid;
}

}  // namespace freeze_state::proc

#include "kernel_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "kept_descriptors.h"

namespace freeze_state::kernel_file {

FileDescriptor open(const char* path, int flags) noexcept {
  return FileDescriptor(kept_descriptors::withDescriptor([=] { return ::open(path, O_RDONLY | O_CLOEXEC | flags); }));
}

int readBeginning(const char* path, Buffer& buffer, std::string_view& text) noexcept {
  const FileDescriptor file = open(path);
  if (!file.isOpen()) return errno == ENOENT ? ESRCH : errno;
  const ssize_t length = ::read(file.get(), buffer.data(), buffer.size());
  // A task that was reaped since the opening answers ESRCH.
  if (length < 0) return errno;
  text = std::string_view(buffer.data(), static_cast<std::size_t>(length));
  return 0;
}

int findLine(const char* path, std::string_view start, Buffer& buffer, std::string_view& line) noexcept {
  line = {};
  const FileDescriptor file = open(path);
  if (!file.isOpen()) return errno == ENOENT ? ESRCH : errno;
  std::size_t held = 0;
  while (true) {
    const ssize_t length = ::read(file.get(), buffer.data() + held, buffer.size() - held);
    if (length < 0 && errno == EINTR) continue;
    // A task that was reaped since the opening answers ESRCH.
    if (length <= 0) return length < 0 ? errno : 0;
    const std::string_view text(buffer.data(), held + static_cast<std::size_t>(length));
    if (const auto at = text.find(start); at != std::string_view::npos) {
      const std::string_view rest = text.substr(at + start.size());
      if (const auto end = rest.find('\n'); end != std::string_view::npos) {
        line = rest.substr(0, end);
        return 0;
      }
    }
    // The last line goes on in what is read next. Of one that fills the buffer nothing is held: it is not sought.
    const auto last = text.rfind('\n');
    held = last == std::string_view::npos ? 0 : text.size() - last;
    if (held == buffer.size()) held = 0;
    std::copy_n(text.end() - static_cast<std::ptrdiff_t>(held), held, buffer.begin());
  }
}

int readAll(const char* path, std::string& text) {
  text.clear();
  const FileDescriptor file = open(path);
  if (!file.isOpen()) return errno;
  Buffer buffer;
  ssize_t length = 0;
  while ((length = ::read(file.get(), buffer.data(), buffer.size())) > 0)
    text.append(buffer.data(), static_cast<std::size_t>(length));
  return length < 0 ? errno : 0;
}

ssize_t readAt(int fd, Buffer& buffer, off_t offset) noexcept {
  ssize_t length = 0;
  while ((length = pread(fd, buffer.data(), buffer.size(), offset)) < 0 && errno == EINTR) continue;
  return length;
}

/// Each piece is parsed before the next is read: of children the youngest come last, and where they exit as fast
/// as they are forked, a moment counts.
int readPids(int fd, std::vector<Pid>& pids) {
  Buffer buffer;
  // Beyond what a pid may be: no process has it.
  constexpr std::int64_t kTooLarge = std::numeric_limits<Pid>::max() + std::int64_t{1};
  std::int64_t pid = 0;
  off_t offset = 0;
  ssize_t length = 0;
  while ((length = readAt(fd, buffer, offset)) > 0) {
    offset += length;
    for (const char byte : std::span(buffer).first(static_cast<std::size_t>(length))) {
      constexpr std::int64_t kTen = 10;
      if (byte >= '0' && byte <= '9') {
        pid = std::min((pid * kTen) + (byte - '0'), kTooLarge);
      } else if (const auto one = std::exchange(pid, 0); one != 0 && one < kTooLarge) {
        pids.push_back(static_cast<Pid>(one));
      }
    }
  }
  return length < 0 ? errno : 0;
}

}  // namespace freeze_state::kernel_file

#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace freeze_state {

/// A pipe by which other processes tell this one something. A report of at most PIPE_BUF bytes stays in one piece,
/// whoever writes at the same time (pipe(7)). Both ends are closed by execve(2).
class ReportPipe {
 public:
  /// Null where no descriptor is left, or the system has no joiners.
  static std::unique_ptr<ReportPipe> open() noexcept;

  ReportPipe() = default;
  ReportPipe(const ReportPipe&) = delete;
  ReportPipe& operator=(const ReportPipe&) = delete;
  virtual ~ReportPipe() = default;

  /// One more descriptor of the end to read from, which does not block. The caller owns it. -1 where none is left.
  virtual int duplicateReader() const noexcept = 0;
  /// The end to write to, for children to inherit.
  virtual int writer() const noexcept = 0;
  /// Takes what has been written, as far as it has room for it, and returns how many bytes that is. Does not block.
  virtual std::size_t read(std::span<char> room) const noexcept = 0;
};

}  // namespace freeze_state

#pragma once

#include <utility>

namespace freeze_state {

/// A file descriptor that is owned: destroying this closes it. One that is only lent is passed as a plain number.
class FileDescriptor {
 public:
  FileDescriptor() noexcept = default;
  /// Takes over what a system call has answered: a descriptor, or -1 where there is none.
  explicit FileDescriptor(int number) noexcept : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    reset(other.release());
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { reset(); }

  bool isOpen() const noexcept { return number_ >= 0; }
  /// -1 where there is none.
  int get() const noexcept { return number_; }
  /// The caller owns it from now on.
  int release() noexcept { return std::exchange(number_, -1); }
  /// Closes it, and takes over another one, if any.
  void reset(int number = -1) noexcept {
    if (const int before = std::exchange(number_, number); before >= 0) close(before);
  }

 private:
  static void close(int number) noexcept;

  int number_ = -1;
};

}  // namespace freeze_state

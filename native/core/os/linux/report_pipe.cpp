#include "../report_pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "../file_descriptor.h"
#include "kept_descriptors.h"

namespace freeze_state {

namespace {

class LinuxReportPipe final : public ReportPipe {
 public:
  LinuxReportPipe(FileDescriptor reader, FileDescriptor writer) noexcept
      : reader_(std::move(reader)), writer_(std::move(writer)) {}

  int duplicateReader() const noexcept override {
    return kept_descriptors::withDescriptor([this] { return fcntl(reader_.get(), F_DUPFD_CLOEXEC, 0); });
  }
  int writer() const noexcept override { return writer_.get(); }
  std::size_t read(std::span<char> room) const noexcept override {
    ssize_t size = 0;
    while ((size = ::read(reader_.get(), room.data(), room.size())) < 0 && errno == EINTR) {
    }
    // Nothing is there (EAGAIN).
    return size < 0 ? 0 : static_cast<std::size_t>(size);
  }

 private:
  FileDescriptor reader_;
  FileDescriptor writer_;
};

}  // namespace

std::unique_ptr<ReportPipe> ReportPipe::open() noexcept {
  std::array<int, 2> ends{-1, -1};
  kept_descriptors::withDescriptor([&] { return pipe2(ends.data(), O_CLOEXEC); });
  FileDescriptor reader(ends[0]);
  FileDescriptor writer(ends[1]);
  // The two ends are two open files, so writing still blocks.
  if (!reader.isOpen() || fcntl(reader.get(), F_SETFL, O_NONBLOCK) != 0) return nullptr;
  return std::unique_ptr<ReportPipe>(new (std::nothrow) LinuxReportPipe(std::move(reader), std::move(writer)));
}

}  // namespace freeze_state

#include "../core/os/report_pipe.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "../core/os/file_descriptor.h"
#include "support/descriptors.h"

namespace freeze_state::test {

namespace {

bool isClosedByExec(int number) { return fcntl(number, F_GETFD) == FD_CLOEXEC; }

std::string readFrom(const ReportPipe& pipe) {
  std::array<char, 4> room{};
  return {room.data(), pipe.read(room)};
}

}  // namespace

TEST_SUITE("the pipe for reports") {
  TEST_CASE("what is written is read in pieces, and nothing is waited for") {
    const std::unique_ptr<ReportPipe> pipe = ReportPipe::open();
    REQUIRE(pipe != nullptr);
    CHECK(readFrom(*pipe).empty());
    constexpr std::string_view kReport = "in 12\n";
    REQUIRE(write(pipe->writer(), kReport.data(), kReport.size()) == 6);
    CHECK(readFrom(*pipe) == "in 1");
    CHECK(readFrom(*pipe) == "2\n");
    CHECK(readFrom(*pipe).empty());
  }

  TEST_CASE("writing blocks, reading does not, and execve closes both ends") {
    const std::unique_ptr<ReportPipe> pipe = ReportPipe::open();
    REQUIRE(pipe != nullptr);
    const FileDescriptor reader(pipe->duplicateReader());
    REQUIRE(reader.isOpen());
    CHECK((fcntl(reader.get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((fcntl(pipe->writer(), F_GETFL) & O_NONBLOCK) == 0);
    CHECK(isClosedByExec(reader.get()));
    CHECK(isClosedByExec(pipe->writer()));
  }

  TEST_CASE("it closes its own descriptors, and no duplicate") {
    const std::size_t before = openDescriptors();
    FileDescriptor reader;
    {
      const std::unique_ptr<ReportPipe> pipe = ReportPipe::open();
      REQUIRE(pipe != nullptr);
      reader.reset(pipe->duplicateReader());
      CHECK(openDescriptors() == before + 3);
    }
    CHECK(openDescriptors() == before + 1);
    char byte = 0;
    CHECK(read(reader.get(), &byte, 1) == 0);
  }

  TEST_CASE("there is none where no descriptor is left") {
    const std::size_t before = openDescriptors();
    {
      const DescriptorLimit none(0);
      CHECK(ReportPipe::open() == nullptr);
    }
    // Descriptors that were kept may be closed for it.
    CHECK(openDescriptors() <= before);
  }
}

}  // namespace freeze_state::test

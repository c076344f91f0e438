#include "../core/os/file_descriptor.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <utility>

namespace freeze_state::test {

namespace {

FileDescriptor opened() { return FileDescriptor(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

bool isOpen(int number) { return fcntl(number, F_GETFD) >= 0; }

}  // namespace

TEST_SUITE("a file descriptor") {
  TEST_CASE("it is closed with its owner") {
    int number = -1;
    {
      const FileDescriptor file = opened();
      number = file.get();
      REQUIRE(file.isOpen());
      CHECK(isOpen(number));
    }
    CHECK_FALSE(isOpen(number));
  }

  TEST_CASE("one that is moved is closed by its new owner alone, which closes what it had before") {
    FileDescriptor to = opened();
    const int before = to.get();
    int number = -1;
    {
      FileDescriptor from = opened();
      number = from.get();
      to = std::move(from);
    }
    CHECK(to.get() == number);
    CHECK(isOpen(number));
    CHECK_FALSE(isOpen(before));
    {
      const FileDescriptor last(std::move(to));
      CHECK(last.get() == number);
    }
    CHECK_FALSE(isOpen(number));
  }

  TEST_CASE("one that is released stays open, and one that is reset is closed at once") {
    FileDescriptor file = opened();
    const int number = file.release();
    CHECK_FALSE(file.isOpen());
    CHECK(file.get() == -1);
    CHECK(isOpen(number));
    file.reset(number);
    CHECK(file.get() == number);
    file.reset();
    CHECK_FALSE(file.isOpen());
    CHECK_FALSE(isOpen(number));
  }
}

}  // namespace freeze_state::test

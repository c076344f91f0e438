#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>

#include "../core/os/linux/capabilities.h"
#include "../core/os/linux/procfs.h"
#include "../guardian/system.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

/// Opens a descriptor at that number, in a fork.
bool openAt(int fd) { return dup2(STDIN_FILENO, fd) == fd; }
bool isOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

/// Whether all descriptors from 11 on are closed, and no others.
int closesFromEleven() {
  if (!openAt(10) || !openAt(11) || !openAt(900)) return 2;
  guardian::closeFrom(11);
  return isOpen(10) && !isOpen(11) && !isOpen(900) ? 0 : 1;
}

}  // namespace

TEST_SUITE("what the guardian asks of the kernel") {
  TEST_CASE("a process is described as the core sees it, also if its name has parentheses") {
    const Child child([] { prctl(PR_SET_NAME, "a) R 1 2 3 (b"); });
    std::string name;
    REQUIRE(waitUntil([&] {
      std::getline(std::ifstream("/proc/" + std::to_string(child.pid()) + "/comm"), name);
      return name == "a) R 1 2 3 (b";
    }));
    guardian::ProcessStat stat;
    REQUIRE(guardian::readStat(child.pid(), stat));
    CHECK(stat.parent == getpid());
    CHECK(stat.group == getpgrp());
    CHECK(stat.session == getsid(0));
    ProcessEntry expected;
    REQUIRE(procfs::read(child.pid(), expected) == 0);
    CHECK(stat.startTime == expected.startTime);
    CHECK(std::string("RS").find(stat.state) != std::string::npos);
  }

  TEST_CASE("a process that has been reaped has no description and no environment") {
    Child child;
    child.kill();
    child.reap();
    guardian::ProcessStat stat;
    std::array<char, 8> environment{};
    CHECK_FALSE(guardian::readStat(child.pid(), stat));
    CHECK(guardian::readEnvironment(child.pid(), environment.data(), environment.size()) == 0);
  }

  TEST_CASE("an environment is read to its end, or as far as there is room") {
    std::ifstream file("/proc/self/environ", std::ios::binary);
    const std::string expected{std::istreambuf_iterator<char>(file), {}};
    std::string found(expected.size() + 1, '?');
    CHECK(guardian::readEnvironment(getpid(), found.data(), found.size()) == expected.size());
    found.resize(expected.size());
    CHECK(found == expected);
    CHECK(guardian::readEnvironment(getpid(), found.data(), expected.size() / 2) == expected.size() / 2);
  }

  TEST_CASE("all processes are visited until the visitor has found one") {
    const Child child;
    int after = 0;
    bool wasFound = false;
    CHECK(guardian::anyProcess([&](int pid) {
      if (wasFound) ++after;
      wasFound = pid == child.pid();
      return wasFound;
    }));
    CHECK(after == 0);
    CHECK_FALSE(guardian::anyProcess([](int /*pid*/) { return false; }));
  }

  TEST_CASE("a pidfd signals its process, and the inode of another descriptor names no process") {
    Child child;
    const int fd = guardian::openPidfd(child.pid());
    if (fd < 0) {
      MESSAGE("skipped: no pidfds here");
      return;
    }
    CHECK(guardian::signalPidfd(fd, SIGSTOP));
    CHECK(child.comesToStop());
    CHECK(guardian::signalPidfd(fd, SIGCONT));
    CHECK(child.comesToRun());
    child.kill();
    child.reap();
    CHECK_FALSE(guardian::signalPidfd(fd, SIGCONT));
    CHECK(errno == ESRCH);
    close(fd);
    CHECK(guardian::inodeOf(STDIN_FILENO) == 0);
  }

  TEST_CASE("the guardian's capabilities are counted as the core counts its own") {
    CHECK(guardian::effectiveCapabilities() == capabilities::effective());
  }

  TEST_CASE("descriptors are closed from a number on, also where the kernel closes no ranges") {
    CHECK(runInFork(closesFromEleven) == 0);
    CHECK(runInFork([] { return deny(kCloseRange, ENOSYS) ? closesFromEleven() : 3; }) == 0);
  }

  TEST_CASE("the standard descriptors are open on nothing, and no other one stays open") {
    CHECK(runInFork([] {
            guardian::closeFrom(STDERR_FILENO + 1);
            guardian::dropStandardDescriptors();
            for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
              std::array<char, 32> target{};
              const std::string link = "/proc/self/fd/" + std::to_string(fd);
              if (readlink(link.c_str(), target.data(), target.size() - 1) < 0) return 2;
              if (target.data() != std::string("/dev/null")) return 1;
            }
            return isOpen(STDERR_FILENO + 1) ? 3 : 0;
          }) == 0);
  }
}

}  // namespace freeze_state::test

#include "../core/os/linux/guardian_program.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <utility>

#include "../core/os/linux/pidfd_control.h"
#include "../core/os/linux/procfs.h"
#include "support/child.h"
#include "support/describe.h"
#include "support/ledger_file.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

using guardian::Run;

/// The one reason for which it is of no use: `GuardianFailed EACCES by posix_spawn of /a/program`.
std::string whyNot(const std::string& path, int ledger) {
  Run run = guardian::startProgram(path, ledger);
  guardian::retire(run);
  CHECK_FALSE(run.socket.isOpen());
  CHECK_FALSE(run.handle.isOpen());
  REQUIRE(run.why.size() == 1);
  const Failure& why = run.why.front();
  return describe(run.why) + " by " + why.call + (why.path.empty() ? "" : " of " + why.path);
}

std::uint64_t startTimeOf(Pid pid) {
  ProcessEntry stat;
  CHECK(procfs::read(pid, stat) == 0);
  return stat.startTime;
}

/// A child that is stopped, and marked in the ledger.
struct Marked {
  explicit Marked(const LedgerFile& file) {
    kill(child.pid(), SIGSTOP);
    REQUIRE(child.comesToStop());
    entry = file->enter(
        {.kind = LedgerIdentity::Kind::Process, .number = child.pid(), .startTime = startTimeOf(child.pid())});
    entry.mark();
  }

  Child child;
  LedgerEntry entry;
};

bool isGone(Pid pid) {
  ProcessEntry stat;
  return procfs::read(pid, stat) == ESRCH || stat.state == 'Z';
}

}  // namespace

TEST_SUITE("a run of the guardian's program") {
  TEST_CASE("a guardian that is ready is no child of ours, and one that is retired ends without a thaw") {
    const LedgerFile file;
    const Marked marked(file);
    Run run = guardian::startProgram(GUARDIAN_PROGRAM, file.fd());
    CHECK(describe(run.why) == "");
    CHECK(run.socket.isOpen());
    CHECK(run.handle.isOpen() == PidfdControl::isAvailable());
    ProcessEntry stat;
    REQUIRE(procfs::read(run.pid, stat) == 0);
    CHECK(stat.parent != getpid());
    guardian::retire(run);
    CHECK(waitUntil([&] { return isGone(run.pid); }));
    CHECK(marked.child.isStopped());
  }

  TEST_CASE("a guardian whose socket ends continues what is marked") {
    const LedgerFile file;
    const Marked marked(file);
    Run run = guardian::startProgram(GUARDIAN_PROGRAM, file.fd());
    CHECK(describe(run.why) == "");
    guardian::reap(run);
    CHECK(marked.child.comesToRun());
    CHECK(waitUntil([&] { return isGone(run.pid); }));
  }

  TEST_CASE("a program that is missing, cannot be executed, says nothing, or has another version, is named") {
    const LedgerFile file;
    CHECK(whyNot("/no/program", file.fd()) == "GuardianMissing ENOENT by posix_spawn of /no/program");
    CHECK(whyNot("/etc/passwd", file.fd()) == "GuardianFailed EACCES by posix_spawn of /etc/passwd");
    CHECK(whyNot("/bin/true", file.fd()) == "GuardianFailed by recv");
    const FileDescriptor other = guardian::aside(FileDescriptor(memfd_create("ledger", MFD_CLOEXEC)));
    const std::uint32_t version = ledger::kVersion + 1;
    REQUIRE(write(other.get(), &version, sizeof version) == sizeof version);
    CHECK(whyNot(GUARDIAN_PROGRAM, other.get()) == "GuardianFailed by version of " GUARDIAN_PROGRAM);
  }

  TEST_CASE("a descriptor is moved above those that a program is given, and closed there by execve(2)") {
    const int fd = open("/dev/null", O_RDONLY);
    const FileDescriptor moved = guardian::aside(FileDescriptor(fd));
    CHECK(moved.get() > ledger::kParentFd);
    CHECK((fcntl(moved.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(fcntl(fd, F_GETFD) < 0);
    CHECK_FALSE(guardian::aside(FileDescriptor()).isOpen());
  }
}

}  // namespace freeze_state::test

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "../core/os/cgroupfs.h"
#include "../core/os/process_control.h"
#include "../guardian/records.h"
#include "../guardian/system.h"
#include "support/child.h"
#include "support/hierarchy.h"
#include "support/ledger_file.h"

namespace freeze_state::test {

namespace {

using ledger::CgroupSlot;
using ledger::ProcessSlot;

LedgerIdentity identity(Pid pid) { return {.kind = LedgerIdentity::Kind::Process, .number = pid, .startTime = 7}; }

/// The sum of the numbers that the guardian is shown; small enough to be an exit code.
int sumOfProcesses() {
  int sum = 0;
  guardian::forEachProcess([&](const ProcessSlot& slot) { sum += slot.number; });
  return sum;
}

int countCgroups() {
  int count = 0;
  guardian::forEachCgroup(
      [&](const CgroupSlot& slot) { count += slot.path.data() == std::string("/a/group") ? 1 : 100; });
  return count;
}

int countWords() {
  int count = 0;
  guardian::forEachTag([&](const auto& tag) { count += tag.data() == std::string("sandbox") ? 1 : 100; });
  return count;
}

/// The slot of a directory, as the core records it.
void fill(CgroupSlot& slot, const std::string& path) {
  struct stat status{};
  CHECK(stat(path.c_str(), &status) == 0);
  slot.inode = status.st_ino;
  path.copy(slot.path.data(), path.size());
}

/// Whether the slot's directory can be opened: it is there, and the recorded one.
bool opens(const CgroupSlot& slot) {
  const int fd = guardian::openRecorded(slot);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

}  // namespace

TEST_SUITE("what the guardian reads of the ledger") {
  TEST_CASE("the guardian sees each process, group and tag that is entered, and none that was taken off") {
    const LedgerFile file;
    std::vector<LedgerEntry> entries;
    for (const Pid pid : {10, 20, 30}) entries.push_back(file->enter(identity(pid)));
    entries.push_back(file->enter(LedgerCgroup{.path = "/a/group"}));
    entries.push_back(file->enterTag("sandbox"));
    CHECK(file.read(sumOfProcesses) == 60);
    CHECK(file.read(countCgroups) == 1);
    CHECK(file.read(countWords) == 1);
    entries[1] = {};
    CHECK(file.read(sumOfProcesses) == 40);
    entries.clear();
    CHECK(file.read(sumOfProcesses) == 0);
    CHECK(file.read(countCgroups) == 0);
    CHECK(file.read(countWords) == 0);
  }

  TEST_CASE("the guardian sees more processes than it reads at once, each of them one time") {
    const LedgerFile file;
    constexpr int kMany = 150;
    std::vector<LedgerEntry> entries;
    for (int i = 0; i < kMany; ++i) entries.push_back(file->enter(identity(1000 + i)));
    CHECK(file.read([] {
      int expected = 1000;
      guardian::forEachProcess([&](const ProcessSlot& slot) { expected += slot.number == expected ? 1 : 10'000; });
      return expected - 1000;
    }) == kMany);
  }

  TEST_CASE("G7: the numbers 0 and 1, which kill(2) takes for many processes, are passed over") {
    const LedgerFile file;
    const LedgerEntry none = file->enter(identity(0));
    const LedgerEntry init = file->enter(identity(1));
    const LedgerEntry negative = file->enter(identity(-5));
    const LedgerEntry process = file->enter(identity(9));
    CHECK(file.read(sumOfProcesses) == 9);
  }

  TEST_CASE("nothing is read of a ledger of another version, or where there is none") {
    CHECK(runInFork([] {
            const ledger::Header other{.version = ledger::kVersion + 1, .processes = 1, .cgroups = 0, .tags = 0};
            const int fd = memfd_create("ledger", 0);
            if (fd < 0 || dup2(fd, ledger::kLedgerFd) < 0 || write(fd, &other, sizeof other) != sizeof other) return 2;
            ledger::Header header{};
            return guardian::readHeader(header) ? 1 : 0;
          }) == 0);
    CHECK(runInFork([] {
            close(ledger::kLedgerFd);
            ledger::Header header{};
            return guardian::readHeader(header) ? 1 : 0;
          }) == 0);
  }
}

TEST_SUITE("what the guardian checks before it acts") {
  TEST_CASE("G7: a process is the recorded one by the inode of its pidfd, or by its start time, and else it is not") {
    const Child child;
    Process process{.pid = child.pid()};
    REQUIRE(systemControl().open(child.pid(), process).empty());
    const LedgerIdentity own = systemControl().identify(process);
    const int fd = guardian::openPidfd(child.pid());
    ProcessSlot slot{};
    slot.number = own.number;
    slot.startTime = own.startTime;
    slot.inode = own.inode;
    CHECK(guardian::isRecorded(slot, fd));
    CHECK(guardian::isRecorded(slot, -1) == (own.startTime != 0));
    if (own.startTime != 0) ++slot.startTime;
    if (own.inode != 0) ++slot.inode;
    CHECK_FALSE(guardian::isRecorded(slot, fd));
    CHECK_FALSE(guardian::isRecorded(slot, -1));
    if (fd >= 0) close(fd);
    systemControl().release(process);
  }

  TEST_CASE("a number is free only once its process is reaped") {
    Child child;
    CHECK_FALSE(guardian::hasNoProcess(child.pid()));
    child.kill();
    CHECK_FALSE(guardian::hasNoProcess(child.pid()));
    child.reap();
    CHECK(guardian::hasNoProcess(child.pid()));
  }

  TEST_CASE("a directory that is no control group is not opened, even if the inode is right") {
    const Hierarchy all;
    CgroupSlot slot{};
    fill(slot, all.group());
    CHECK_FALSE(opens(slot));
  }

  TEST_CASE("a control group is opened by its path if the inode is the recorded one") {
    cgroup::Mount mount;
    if (!cgroup::findMount({}, mount).empty()) {
      MESSAGE("skipped: no hierarchy of version 2 here");
      return;
    }
    CgroupSlot slot{};
    fill(slot, mount.point);
    CHECK(opens(slot));
    ++slot.inode;
    CHECK_FALSE(opens(slot));
  }

  TEST_CASE("a file that is there is written to, and none is made") {
    const Hierarchy all;
    const int directory = open(all.group().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(directory >= 0);
    CHECK(guardian::writeFile(directory, "cgroup.freeze", "1"));
    CHECK(all.isFrozen());
    CHECK_FALSE(guardian::writeFile(directory, "cgroup.kill", "1"));
    CHECK_FALSE(std::filesystem::exists(all.group() + "/cgroup.kill"));
    close(directory);
  }
}

}  // namespace freeze_state::test

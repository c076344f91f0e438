#include "../core/os/freezable_cgroup.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include "support/child.h"
#include "support/describe.h"
#include "support/hierarchy.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

std::unique_ptr<FreezableCgroup> opened(const Hierarchy& all, bool isOwned = false) {
  Failures failures;
  auto file = FreezableCgroup::open({all.root, "/"}, all.group(), isOwned, failures);
  REQUIRE(describe(failures).empty());
  return file;
}

/// Removes the files, which in a real hierarchy do not keep the directory from being removed.
void removeFiles(const std::string& directory) {
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    if (file.is_regular_file()) std::filesystem::remove(file);
  }
}

/// Whether the group is locked, be it by a shared lock, as a sweep by another process finds it out.
bool isLocked(const std::string& directory) {
  const int fd = open((directory + "/cgroup.freeze").c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(fd >= 0);
  const bool isFree = flock(fd, LOCK_EX | LOCK_NB) == 0;
  close(fd);
  return !isFree;
}

enum class LockKind : std::uint8_t { Flock, Fcntl };

/// Has a shared lock on cgroup.freeze, as anybody can who may read it: for so long that a test which waits for its end
/// has failed. Whether it has it is seen by `isHeld`.
void holdSharedLock(const std::string& directory, LockKind kind) {
  alarm(10);
  const int fd = open((directory + "/cgroup.freeze").c_str(), O_RDONLY | O_CLOEXEC);
  struct flock whole{};
  whole.l_type = F_RDLCK;
  whole.l_whence = SEEK_SET;
  if (fd < 0 || (kind == LockKind::Flock ? flock(fd, LOCK_SH) : fcntl(fd, F_OFD_SETLK, &whole)) != 0) _exit(1);
}

bool isHeld(const std::string& directory, LockKind kind) {
  if (kind == LockKind::Flock) return isLocked(directory);
  const int fd = open((directory + "/cgroup.freeze").c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(fd >= 0);
  struct flock whole{};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  const bool isFree = fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type == F_UNLCK;
  close(fd);
  return !isFree;
}

/// Whether this process has the file open.
bool hasOpen(const std::string& file) {
  std::error_code error;
  const std::filesystem::directory_iterator all("/proc/self/fd", error);
  return std::any_of(begin(all), end(all), [&](const auto& one) {
    std::error_code closed;
    return std::filesystem::read_symlink(one.path(), closed) == file;
  });
}

}  // namespace

TEST_SUITE("the files of a cgroup") {
  TEST_CASE("of two files that cannot be opened, the error is that of the first") {
    const Hierarchy all;
    removeFiles(all.group());
    std::filesystem::create_directory(all.group() + "/cgroup.freeze");
    Failures failures;
    CHECK_FALSE(FreezableCgroup::open({all.root, "/"}, all.group(), false, failures));
    REQUIRE(failures.size() == 1);
    CHECK(failures.front().error == EISDIR);
  }

  TEST_CASE("a freeze and a thaw are written to cgroup.freeze, and what any process wrote is read") {
    const Hierarchy all;
    const auto file = opened(all);
    bool isSet = true;
    CHECK(file->readSet(isSet) == 0);
    CHECK_FALSE(isSet);
    CHECK(file->setFrozen(true) == 0);
    CHECK(all.isFrozen());
    CHECK(file->readSet(isSet) == 0);
    CHECK(isSet);
    Hierarchy::write(all.group(), "cgroup.freeze", "0\n");
    CHECK(file->readSet(isSet) == 0);
    CHECK_FALSE(isSet);
    CHECK(file->setFrozen(false) == 0);
    CHECK_FALSE(all.isFrozen());
  }

  TEST_CASE("cgroup.events says whether all of it is frozen, and whether any process is in it") {
    const Hierarchy all;
    const auto file = opened(all);
    for (const bool isFrozen : {true, false}) {
      for (const bool isPopulated : {true, false}) {
        Hierarchy::write(
            all.group(), "cgroup.events",
            std::string(isPopulated ? "populated 1\n" : "populated 0\n") + (isFrozen ? "frozen 1\n" : "frozen 0\n"));
        CHECK(file->hasFrozen() == isFrozen);
        CHECK(file->isPopulated() == isPopulated);
      }
    }
  }

  TEST_CASE("the processes in it and below it are listed, by its open files and without them") {
    Hierarchy all;
    all.where[101] = all.where[102] = all.group();
    all.list();
    const auto file = opened(all);
    const auto listed = [&] {
      std::vector<Pid> pids;
      CHECK(file->processes(pids) == 0);
      return pids;
    };
    CHECK(listed() == std::vector<Pid>{101, 102});
    // It lists a process whose first thread has ended, and whose others may be elsewhere. This one is nowhere.
    Hierarchy::write(all.group(), "cgroup.threads", "102\n");
    CHECK(listed() == std::vector<Pid>{102});
    const auto listedWith = [&](const std::vector<Pid>& living) {
      std::vector<Pid> pids;
      CHECK(file->processes(pids, living) == 0);
      return pids;
    };
    CHECK(listedWith({101, 102, 105}) == std::vector<Pid>{101, 102});
    CHECK(listedWith({101, 105}) == std::vector<Pid>{102});
    const std::string below = all.group() + "/below";
    std::filesystem::create_directory(below);
    for (const char* name : {"cgroup.procs", "cgroup.threads"}) Hierarchy::write(below, name, "103\n");
    CHECK(listed() == std::vector<Pid>{102, 103});
    file->closeFiles();
    CHECK(listed() == std::vector<Pid>{102, 103});
  }

  TEST_CASE("a process is moved in, and its threads are listed, by the open files") {
    const Hierarchy all;
    const auto file = opened(all);
    Hierarchy::write(all.group(), "cgroup.threads", "101\n105\n");
    // What has the paths from now on is another group.
    std::filesystem::rename(all.group(), all.root + "/by/renamed");
    CHECK(file->join(101) == 0);
    std::ifstream procs(all.root + "/by/renamed/cgroup.procs");
    std::string line;
    std::getline(procs, line);
    CHECK(line == "101");
    std::vector<Pid> ids;
    CHECK(file->threads(ids) == 0);
    CHECK(ids == std::vector<Pid>{101, 105});
    file->closeFiles();
    CHECK(file->join(101) == ENOENT);
    CHECK(file->threads(ids) == ENOENT);
  }

  TEST_CASE("groups below are looked for in the directory that was opened, whatever has its path by then") {
    const Hierarchy all;
    const auto file = opened(all);
    const std::string moved = all.group() + ".moved";
    std::filesystem::rename(all.group(), moved);
    CHECK_FALSE(file->hasGroupsBelow());
    std::filesystem::create_directory(moved + "/below");
    CHECK(file->hasGroupsBelow());
    file->closeFiles();
    std::filesystem::create_directory(all.group());
    CHECK_FALSE(file->hasGroupsBelow());
  }

  TEST_CASE("where half of the descriptors are in use, three fewer stay open, and nothing else changes") {
    const Hierarchy all;
    Hierarchy::write(all.group(), "cgroup.threads", "101\n");
    CHECK(runInFork([&] {
            constexpr rlim_t kFew = 40;
            const rlimit few{kFew, kFew};
            if (setrlimit(RLIMIT_NOFILE, &few) != 0) return 1;
            while (dup(0) < static_cast<int>(kFew / 2)) continue;
            const auto file = opened(all);
            for (const char* const kept : {"", "/cgroup.procs", "/cgroup.threads"}) {
              if (hasOpen(all.group() + kept)) return 2;
            }
            if (!hasOpen(all.group() + "/cgroup.freeze") || file->hasGroupsBelow()) return 3;
            std::vector<Pid> ids;
            if (file->threads(ids) != 0 || ids != std::vector<Pid>{101}) return 4;
            return file->join(101) == 0 ? 0 : 5;
          }) == 0);
  }

  TEST_CASE("once our user has changed, a process is moved in by what that user may do") {
    if (geteuid() != 0) {
      MESSAGE("skipped: only root can become another user");
      return;
    }
    const Hierarchy all;
    const auto file = opened(all);
    CHECK(runInFork([&] {
            constexpr uid_t kNobody = 65'534;
            if (file->join(101) != 0 || seteuid(kNobody) != 0) return 1;
            return file->join(101) == EACCES ? 0 : 2;
          }) == 0);
  }

  TEST_CASE("a directory without the files of a cgroup is not opened, and stays") {
    const Hierarchy all;
    Failures failures;
    CHECK(FreezableCgroup::open({all.root, "/"}, all.origin(), false, failures) == nullptr);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].code == FailureCode::CgroupMissing);
    CHECK(failures[0].path == all.origin());
    CHECK(std::filesystem::exists(all.origin()));
  }

  TEST_CASE("the ledger has the path and the inode of the directory, and whether it is owned") {
    const Hierarchy all;
    struct stat status{};
    REQUIRE(stat(all.group().c_str(), &status) == 0);
    for (const bool isOwned : {false, true}) {
      const LedgerCgroup identity = opened(all, isOwned)->identify();
      CHECK(identity.path == all.group());
      CHECK(identity.inode == status.st_ino);
      CHECK(identity.isOwned == isOwned);
    }
  }

  TEST_CASE("an owned group is locked as long as its files are open, and an external one is not") {
    const Hierarchy all;
    {
      const auto external = opened(all);
      CHECK_FALSE(isLocked(all.group()));
    }
    const auto owned = opened(all, true);
    CHECK(isLocked(all.group()));
    owned->closeFiles();
    CHECK_FALSE(isLocked(all.group()));
  }

  TEST_CASE(
      "a group on which a foreign process keeps a lock is refused after a second, with the call that is refused") {
    for (const LockKind kind : {LockKind::Flock, LockKind::Fcntl}) {
      const Hierarchy all;
      Child holder([&] { holdSharedLock(all.group(), kind); });
      REQUIRE(waitUntil([&] { return isHeld(all.group(), kind); }));
      Failures failures;
      CHECK(FreezableCgroup::open({all.root, "/"}, all.group(), true, failures) == nullptr);
      REQUIRE(failures.size() == 1);
      CHECK(failures[0].code == FailureCode::CgroupFailed);
      CHECK(failures[0].error == EAGAIN);
      CHECK(failures[0].call == std::string_view(kind == LockKind::Flock ? "flock" : "fcntl"));
      CHECK(failures[0].path == all.group());
      holder.kill();
      holder.reap();
      CHECK(opened(all, true) != nullptr);
    }
  }

  TEST_CASE("a group that is locked for a moment, as by a sweep, is taken once it is free") {
    const Hierarchy all;
    Child holder([&] { holdSharedLock(all.group(), LockKind::Flock); });
    REQUIRE(waitUntil([&] { return isHeld(all.group(), LockKind::Flock); }));
    std::thread release([&] {
      waitUntil([&] { return hasOpen(all.group() + "/cgroup.freeze"); });
      holder.kill();
      holder.reap();
    });
    CHECK(opened(all, true) != nullptr);
    release.join();
  }

  TEST_CASE("an owned group is removed with those below it, once; an external one stays") {
    const Hierarchy all;
    {
      const auto external = opened(all);
      std::filesystem::create_directories(all.group() + "/below/it");
      const auto owned = opened(all, true);
      removeFiles(all.group());
      CHECK(external->remove() == 0);
      CHECK(std::filesystem::exists(all.group()));
      CHECK(owned->remove() == 0);
      CHECK_FALSE(std::filesystem::exists(all.group()));
      // A directory with that name which another state has made since.
      std::filesystem::create_directory(all.group());
      CHECK(owned->remove() == 0);
    }
    CHECK(std::filesystem::exists(all.group()));
  }

  TEST_CASE("a directory that cannot be removed is an error, and no wait") {
    const Hierarchy all;
    const auto owned = opened(all, true);
    CHECK(owned->remove() == ENOTEMPTY);
    CHECK(std::filesystem::exists(all.group()));
  }

  TEST_CASE("before one is made, those of dead emulators are thawed, and those of living ones are not") {
    const Hierarchy all;
    const std::string parent = all.root + "/above";
    const std::string dead = parent + "/freeze-state-99-0123456789abcdef-1";
    const std::string alive = parent + "/freeze-state-99-0123456789abcdef-2";
    const std::string foreign = parent + "/freeze-state-of-others";
    const auto isFrozen = [](const std::string& directory) {
      return std::ifstream(directory + "/cgroup.freeze").get() == '1';
    };
    for (const std::string& directory : {dead, alive, foreign}) {
      std::filesystem::create_directory(directory);
      Hierarchy::write(directory, "cgroup.freeze", "1\n");
      Hierarchy::write(directory, "cgroup.events", "populated 1\nfrozen 1\n");
      for (const char* file : {"cgroup.procs", "cgroup.threads"}) Hierarchy::write(directory, file, "");
    }
    Failures failures;
    const auto living = FreezableCgroup::open({all.root, "/"}, alive, true, failures);
    REQUIRE(living != nullptr);
    // The directory is in no file system of cgroups, so none can be made.
    CHECK(FreezableCgroup::make({"", parent}, failures) == nullptr);
    REQUIRE(failures.size() == 1);
    if (failures[0].code == FailureCode::CgroupNotMounted) {
      MESSAGE("skipped: no cgroups of version 2 here");
      return;
    }
    CHECK(failures[0].code == FailureCode::CgroupMissing);
    CHECK_FALSE(isFrozen(dead));
    CHECK(isFrozen(alive));
    CHECK(isFrozen(foreign));
    // What was made on the way is gone.
    std::size_t left = 0;
    for (const auto& below : std::filesystem::directory_iterator(parent)) left += below.is_directory() ? 1 : 0;
    CHECK(left == 4);
  }
}

}  // namespace freeze_state::test

#include "../core/os/linux/procfs.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "../core/os/linux/kernel_file.h"
#include "../core/os/linux/process_table.h"
#include "../core/os/linux/thread_id.h"
#include "../core/os/linux/thread_scan.h"
#include "support/child.h"
#include "support/tasks.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

/// Takes on that many supplementary groups, and tells a tracee with them that has a SIGSTOP pending from one that has
/// none. Returns 0 where that succeeds.
int findPendingStop(std::size_t groupCount, std::size_t& offset) {
  // The numbers are as long as can be.
  constexpr gid_t kFirst = 1'000'000'000;
  std::vector<gid_t> groups(groupCount);
  std::iota(groups.begin(), groups.end(), kFirst);
  if (setgroups(groups.size(), groups.data()) != 0) return 1;
  // A second thread, which a fork has under the thread sanitizer, would take the signal.
  const Child child(Sleep{});
  if (ptrace(PTRACE_SEIZE, child.pid(), nullptr, PTRACE_O_EXITKILL) != 0) return 2;
  if (ptrace(PTRACE_INTERRUPT, child.pid(), nullptr, nullptr) != 0 || waitpid(child.pid(), nullptr, __WALL) < 0)
    return 3;
  std::string text;
  kernel_file::readAll(("/proc/" + std::to_string(child.pid()) + "/status").c_str(), text);
  offset = text.find("\nShdPnd:");
  if (procfs::hasStopPending(child.pid()) != false) return 4;
  ::kill(child.pid(), SIGSTOP);
  if (procfs::hasStopPending(child.pid()) != true) return 5;
  if (procfs::tracerOf(child.pid()) != getpid()) return 6;
  return procfs::isThread(child.pid()) == false ? 0 : 7;
}

}  // namespace

TEST_SUITE("proc") {
  TEST_CASE("G7: the /proc of another pid namespace is treated as no /proc") {
    CHECK(procfs::isOurs());
    const int code = runInFork([] {
      // A pid namespace without a /proc of its own. Not every user may make one.
      if (unshare(CLONE_NEWPID) != 0) return 0;
      return runInFork([] {
        const Child child;
        ProcessEntry entry;
        if (procfs::isOurs()) return 1;
        if (procfs::read(getpid(), entry) != ESRCH || procfs::read(child.pid(), entry) != ESRCH) return 2;
        if (procfs::showsAll() || procfs::isThread(child.pid()) || procfs::isKernelThread(2)) return 3;
        if (procfs::probe(child.pid()) != ProcessState::Gone) return 4;
        LinuxProcessTable table(LinuxProcessTable::Means::ParentScan);
        Pid pid = 0;
        if (table.isAvailable() || table.walk()->next(pid)) return 5;
        // tgkill(2) tells without /proc.
        return isThreadId(child.pid()) == false ? 0 : 6;
      });
    });
    CHECK(code == 0);
  }

  TEST_CASE("G2: a pending SIGSTOP is found behind a list of any number of groups") {
    const int code = runInFork([] {
      std::size_t offset = 0;
      // Not every user may change the groups.
      if (const int error = findPendingStop(0, offset); error != 0) return error == 1 ? 0 : error;
      // Among these are some with which one read(2) of 4,096 bytes gives half of the line.
      constexpr std::size_t kChunk = 4096;
      constexpr std::size_t kPerGroup = 11;
      const std::size_t nearest = (kChunk - offset) / kPerGroup;
      for (std::size_t count = nearest - 4; count <= nearest + 4; ++count) {
        if (const int error = findPendingStop(count, offset); error != 0) return error;
      }
      for (const std::size_t count : {600, 65'536}) {
        if (const int error = findPendingStop(count, offset); error != 0) return error;
      }
      return 0;
    });
    CHECK(code == 0);
  }

  TEST_CASE("a process's name may look like the fields that follow it") {
    ProcessEntry plain;
    REQUIRE(procfs::read(getpid(), plain) == 0);
    const int code = runInFork([] {
      ProcessEntry before;
      ProcessEntry after;
      if (procfs::read(getpid(), before) != 0) return 1;
      for (const char* const name : {") Z 1 (", "a b) S 2 3", "((", "))", ") "}) {
        prctl(PR_SET_NAME, name);
        if (procfs::read(getpid(), after) != 0) return 2;
        if (after.state != 'R' || after.startTime != before.startTime) return 3;
      }
      return 0;
    });
    CHECK(code == 0);
  }

  TEST_CASE("a sleeping process, a stopped one, a zombie, and one that does not exist are told apart") {
    Child child;
    ProcessEntry stat;
    CHECK(child.comesToRun());
    ::kill(child.pid(), SIGSTOP);
    CHECK(child.comesToStop());
    child.kill();
    REQUIRE(procfs::read(child.pid(), stat) == 0);
    CHECK(stat.state == 'Z');
    CHECK(stat.startTime > 0);
    child.reap();
    CHECK(procfs::read(child.pid(), stat) == ESRCH);
  }

  TEST_CASE("all numbers of a directory are listed, and from any position on") {
    constexpr int kThreads = 60;
    const Child child(kThreads);
    std::vector<Pid> all;
    std::vector<Pid> rest;
    int error = 0;
    // The thread sanitizer starts a thread of its own in a fork, a moment later. Then the list has changed while it was
    // read.
    REQUIRE(waitUntil([&] {
      all = threadsOf(child.pid());
      if (all.size() < kThreads) return false;
      procfs::Threads numbers(child.pid(), static_cast<int>(all.size()) - 2);
      rest.clear();
      for (Pid one = 0; numbers.next(one);) rest.push_back(one);
      error = numbers.error();
      return threadsOf(child.pid()) == all;
    }));
    CHECK(all.front() == child.pid());
    CHECK(error == 0);
    CHECK(rest == std::vector<Pid>(all.end() - 2, all.end()));
    Pid one = 0;
    procfs::Numbers none("/proc/self/nothing");
    CHECK_FALSE(none.next(one));
    CHECK(none.error() == ENOENT);
  }

  TEST_CASE("all processes are listed, from the second time on without the other entries of /proc") {
    const Child child;
    const auto list = [](auto&& numbers) {
      std::vector<Pid> pids;
      for (Pid pid = 0; numbers.next(pid);) pids.push_back(pid);
      CHECK(numbers.error() == 0);
      return pids;
    };
    list(procfs::Processes());
    procfs::Numbers whole("/proc");
    list(whole);
    CHECK(whole.lastOther() > 0);
    CHECK(procfs::Processes::begin() == whole.lastOther());
    std::vector<Pid> all;
    std::vector<Pid> again;
    // Others come and go between the two.
    CHECK(waitUntil([&] {
      all = list(procfs::Numbers("/proc"));
      again = list(procfs::Processes());
      return again == all;
    }));
    for (const Pid pid : {getpid(), child.pid()}) CHECK(std::ranges::find(all, pid) != all.end());
    // It begins where no process is, so none with a low number is ever passed over.
    std::array<char, 512> entries{};
    const FileDescriptor proc = kernel_file::open("/proc", O_DIRECTORY);
    REQUIRE(lseek(proc.get(), procfs::Processes::begin(), SEEK_SET) > 0);
    REQUIRE(syscall(SYS_getdents64, proc.get(), entries.data(), entries.size()) > 0);
    constexpr std::size_t kName = 19;
    CHECK(std::string(&entries.at(kName)) == "thread-self");
  }

  TEST_CASE("a thread is told from the process that it belongs to") {
    CHECK(procfs::isThread(getpid()) == false);
    CHECK(isThreadId(getpid()) == false);
    // This works also for init, which a plain user may not signal.
    CHECK(isThreadId(1) == false);
    std::optional<bool> isThread;
    std::optional<bool> isId;
    std::thread([&] {
      isThread = procfs::isThread(gettid());
      isId = isThreadId(gettid());
    }).join();
    CHECK(isThread == true);
    CHECK(isId == true);
    constexpr Pid kBeyondPidMax = 0x7fffffff;
    CHECK(isThreadId(kBeyondPidMax) == false);
  }
}

}  // namespace freeze_state::test

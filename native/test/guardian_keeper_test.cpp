#include "../core/os/linux/guardian_keeper.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "support/child.h"
#include "support/deny.h"
#include "support/ledger_file.h"
#include "support/real_group.h"
#include "support/tasks.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

/// What the keeper of this process has told. A process has one keeper, so each test runs in a fork.
std::atomic<Pid> running{0};
std::atomic<int> reason{-1};

std::atomic<int> tells{0};

void tell(Pid pid, Failures why) {
  if (!why.empty()) reason = static_cast<int>(why.front().code);
  running = pid;
  ++tells;
}

constexpr uid_t kNobody = 65534;

/// Runs in the next `getresuid` of the thread that has set it, before that returns what it has read.
thread_local void (*afterComparison)() = nullptr;
std::atomic<bool> isAwaitingChange{false};

bool hasNewUser() {
  std::array<uid_t, 3> users{};
  syscall(SYS_getresuid, &users[0], &users[1], &users[2]);
  return users[1] == kNobody;
}

/// Whether the signal has come by which the C library gives a thread another user: it is held back, or has been taken.
bool hasBeenSignalled() {
  sigset_t pending;
  sigpending(&pending);
  // The last of those that a C library keeps for itself: SIGSETXID of glibc, SIGSYNCCALL of musl.
  return sigismember(&pending, SIGRTMIN - 1) == 1 || hasNewUser();
}

void awaitChangeOfUser() {
  isAwaitingChange = true;
  waitUntil(hasBeenSignalled);
}

/// In the keeper's thread. The next thing that it does is to compare its user, and then it waits.
void tellAndAwaitChange(Pid pid, Failures why) {
  if (tells == 0) afterComparison = awaitChangeOfUser;
  tell(pid, std::move(why));
}

/// In the keeper's thread, before it waits for the first time.
void awaitChangeAndTell(Pid pid, Failures why) {
  if (tells == 0) awaitChangeOfUser();
  tell(pid, std::move(why));
}

const std::string program = GUARDIAN_PROGRAM;
const std::string noProgram = "/no/program";

/// A copy of the program that every user may execute, for as long as this lives.
struct ProgramCopy {
  ProgramCopy() {
    std::filesystem::copy_file(program, path, std::filesystem::copy_options::overwrite_existing);
    chmod(path.c_str(), S_IRWXU | S_IXGRP | S_IXOTH);
  }
  ProgramCopy(const ProgramCopy&) = delete;
  ProgramCopy& operator=(const ProgramCopy&) = delete;
  ~ProgramCopy() { std::filesystem::remove(path); }

  const std::string path =
      std::filesystem::temp_directory_path() / ("freeze-state-guardian-" + std::to_string(getpid()));
};

/// A field of proc_pid_status(5), of the keeper's thread.
std::string statusOfKeeper(const std::string& field) {
  for (const Pid thread : threadsOf(getpid())) {
    const std::string task = taskOf(getpid()) + "/" + std::to_string(thread);
    std::string name;
    std::getline(std::ifstream(task + "/comm"), name);
    if (name != "freeze-keeper") continue;
    return statusField(std::to_string(getpid()) + "/task/" + std::to_string(thread), field);
  }
  return {};
}

}  // namespace

}  // namespace freeze_state::test

/// In place of the C library's, which the keeper calls. musl declares it without noexcept.
extern "C" int getresuid(uid_t* real, uid_t* effective,
                         uid_t* saved) noexcept(noexcept(getresuid(real, effective, saved))) {
  const auto answer = static_cast<int>(syscall(SYS_getresuid, real, effective, saved));
  if (auto* const hook = std::exchange(freeze_state::test::afterComparison, nullptr)) hook();
  return answer;
}

namespace freeze_state::test {

TEST_SUITE("the keeper of the guardian") {
  TEST_CASE("a change of the user that comes between the comparison and the wait is not missed") {
    if (geteuid() != 0) {
      MESSAGE("skipped: this needs root");
      return;
    }
    const LedgerFile file;
    CHECK(runInFork([&] {
            if (guardian::startKeeper({program, file.fd(), tellAndAwaitChange}) != 0) return 1;
            if (!waitUntil([] { return isAwaitingChange.load(); })) return 2;
            if (setresuid(kNobody, kNobody, kNobody) != 0) return 3;
            // It tells of another guardian, or why there is none.
            return waitUntil([] { return tells > 1; }) ? 0 : 4;
          }) == 0);
  }

  TEST_CASE("a change of the user is followed soon, even after many others") {
    if (geteuid() != 0) {
      MESSAGE("skipped: this needs root");
      return;
    }
    const LedgerFile file;
    CHECK(runInFork([&] {
            if (guardian::startKeeper({program, file.fd(), tell}) != 0) return 1;
            if (!waitUntil([] { return tells == 1; })) return 2;
            constexpr int kMany = 12;
            for (int i = 1; i <= kMany; ++i) {
              if (seteuid(i % 2 == 0 ? 0 : kNobody) != 0) return 3;
              // The pause is a tenth of a second. A guardian may take 2 s to start, and the one before 1 s to end.
              // After as many deaths the pause would be 10 s.
              if (!waitUntil([&] { return tells > i; }, std::chrono::seconds(4))) return 4;
            }
            return 0;
          }) == 0);
  }

// On other architectures poll(2) of the C library calls ppoll(2), and the keeper needs it to wait for a new guardian.
#ifdef SYS_poll
  TEST_CASE("where a filter denies ppoll(2) the keeper sleeps instead, and still follows what happens") {
    const LedgerFile file;
    CHECK(runInFork([&] {
            if (!deny(SYS_ppoll, EPERM) || guardian::startKeeper({program, file.fd(), tell}) != 0) return 1;
            if (!waitUntil([] { return running != 0; })) return 2;
            if (!waitUntil([] { return statusOfKeeper("State").starts_with("S"); })) return 3;
            const Pid first = running;
            kill(first, SIGKILL);
            if (!waitUntil([&] { return running != 0 && running != first; })) return 4;
            if (geteuid() != 0) return 0;
            const int before = tells;
            if (setresuid(kNobody, kNobody, kNobody) != 0) return 5;
            return waitUntil([&] { return tells > before; }) ? 0 : 6;
          }) == 0);
  }
#endif

  TEST_CASE("a guardian that is killed is replaced by another") {
    const LedgerFile file;
    CHECK(runInFork([&] {
            if (guardian::startKeeper({program, file.fd(), tell}) != 0) return 1;
            if (!waitUntil([] { return running != 0; })) return 2;
            const Pid first = running;
            kill(first, SIGKILL);
            return waitUntil([&] { return running != 0 && running != first; }) ? 0 : 3;
          }) == 0);
  }

  TEST_CASE("a control group that our new user may not thaw is named, and the guardian from before thaws it") {
    if (geteuid() != 0) {
      MESSAGE("skipped: this needs root");
      return;
    }
    const RealGroup group("denied");
    if (!canMake(group)) return;
    const ProgramCopy copy;
    const LedgerFile file;
    LedgerEntry entry = file->enter(group.recorded(false));
    entry.mark();
    std::ofstream(group.path + "/cgroup.freeze") << "1";
    CHECK(runInFork([&] {
            if (guardian::startKeeper({copy.path, file.fd(), tell}) != 0) return 1;
            if (!waitUntil([] { return running != 0; })) return 2;
            const Pid first = running;
            if (setresuid(kNobody, kNobody, kNobody) != 0) return 3;
            if (!waitUntil([] { return reason == static_cast<int>(FailureCode::GuardianDenied); })) return 4;
            if (running != first) return 5;
            return waitUntil([&] { return statusField(first, "Uid").starts_with("65534\t65534"); }) ? 0 : 6;
          }) == 0);
    CHECK(waitUntil([&] { return !group.isFrozen(); }));
  }

  TEST_CASE("where no guardian can be started, the keeper tells why") {
    const LedgerFile file;
    CHECK(runInFork([&] {
            if (guardian::startKeeper({noProgram, file.fd(), tell}) != 0) return 1;
            return waitUntil([] { return reason == static_cast<int>(FailureCode::GuardianMissing); }) ? 0 : 2;
          }) == 0);
  }

  TEST_CASE("where no guardian can be started, a change of the user starts another try at once") {
    if (geteuid() != 0) {
      MESSAGE("skipped: this needs root");
      return;
    }
    const LedgerFile file;
    CHECK(runInFork([&] {
            if (guardian::startKeeper({noProgram, file.fd(), awaitChangeAndTell}) != 0) return 1;
            if (!waitUntil([] { return isAwaitingChange.load(); })) return 2;
            if (setresuid(kNobody, kNobody, kNobody) != 0) return 3;
            // Without a change the keeper tries every ten seconds.
            return waitUntil([] { return tells > 1; }, std::chrono::seconds(5)) ? 0 : 4;
          }) == 0);
  }

  TEST_CASE("the keeper and its guardian hold none of the descriptors that the process has, so that a pipe ends") {
    const LedgerFile file;
    CHECK(runInFork([&] {
            std::array<int, 2> ends{};
            if (pipe(ends.data()) != 0 || guardian::startKeeper({program, file.fd(), tell}) != 0) return 1;
            if (!waitUntil([] { return running != 0; })) return 2;
            close(ends[1]);
            pollfd end{ends[0], POLLIN, 0};
            constexpr int kLong = 30'000;
            return poll(&end, 1, kLong) == 1 && (end.revents & POLLHUP) != 0 ? 0 : 3;
          }) == 0);
  }

  TEST_CASE("no handler of the program runs in the keeper's thread: it blocks every signal") {
    const LedgerFile file;
    CHECK(runInFork([&] {
            if (guardian::startKeeper({program, file.fd(), tell}) != 0) return 1;
            if (!waitUntil([] { return running != 0; })) return 2;
            const std::string blocked = statusOfKeeper("SigBlk");
            if (blocked.empty()) return 3;
            const std::uint64_t mask = std::stoull(blocked, nullptr, 16);
            for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGCHLD, SIGUSR1, SIGALRM}) {
              if ((mask >> (signal - 1) & 1) == 0) return 4;
            }
            return 0;
          }) == 0);
  }
}

}  // namespace freeze_state::test

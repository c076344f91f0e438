// The directory of a thread in /proc that leads to another one: see `procfs::readThread`.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "../core/os/linux/process_files.h"
#include "../core/os/linux/procfs.h"
#include "../core/os/linux/thread_scan.h"
#include "support/child.h"
#include "support/pid_namespace.h"
#include "support/tasks.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

/// A process that calls execve(2) in its second thread all the time, until it is told a number.
class Execer {
 public:
  Execer() : order_(makePipe()), child_([this] { become(); }) { close(order_[0]); }
  Execer(const Execer&) = delete;
  Execer& operator=(const Execer&) = delete;
  ~Execer() { close(order_[1]); }

  Pid pid() const noexcept { return child_.pid(); }

  /// Sends SIGSTOP until all of it is stopped: an execve(2) takes one back that not all of the threads have taken yet.
  /// Probes it by the files, or by /proc alone.
  bool comesToStop(ProcessFiles* files = nullptr) const {
    return waitUntil([&] {
      kill(pid(), SIGSTOP);
      ThreadScan scan;
      const auto state = files != nullptr ? procfs::probe(*files, scan, {}) : procfs::probe(pid(), scan, {});
      return state == ProcessState::Stopped;
    });
  }

  /// From then on it executes nothing, and has a thread with that number, which has a child.
  bool haveThread(Pid number) const noexcept { return write(order_[1], &number, sizeof number) == sizeof number; }

  /// Whether the directory of the thread leads to the first one.
  bool misleads(Pid thread) const {
    std::ifstream stat(taskOf(pid()) + "/" + std::to_string(thread) + "/stat");
    Pid number = 0;
    stat >> number;
    return thread != pid() && number == pid();
  }

 private:
  static std::array<int, 2> makePipe() {
    std::array<int, 2> ends{-1, -1};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    return ends;
  }

  void become() const {
    dup2(order_[0], STDIN_FILENO);
    execl(EXEC_PROGRAM, "exec_program", nullptr);
    _exit(1);
  }

  std::array<int, 2> order_;
  Child child_;
};

/// The tests wait for an execve(2) that comes at one moment of about a microsecond. On two processors it comes within
/// milliseconds. On one, or on a busy machine, it may not come at all, and then there is nothing to test.
constexpr std::chrono::seconds kLimit{10};
constexpr std::string_view kNotSeen = "skipped: no execve(2) came at the right moment";

/// Lists the threads until the directory of one is misled, and calls `found` with its place in the list; again and
/// again until that returns true.
template <typename Found>
bool listUntil(const Execer& execer, ProcessFiles& files, Found found) {
  return waitUntil(
      [&] {
        ProcessEntry entry;
        if (files.read(entry) != 0 || files.list({}) != 0) return false;
        for (std::size_t i = 0; i < files.count(); ++i) {
          if (i > 0) static_cast<void>(files.readThread(i, entry));
          if (execer.misleads(files.thread(i)) && found(i)) return true;
        }
        return false;
      },
      kLimit);
}

/// How often a list of its threads has the number of the process.
template <typename Threads>
int timesListed(Pid process, Threads threads) {
  int times = 0;
  for (Pid thread = 0; threads.next(thread);) times += thread == process ? 1 : 0;
  return times;
}

/// What `reuseNumber` returns there.
constexpr int kNotMisled = 78;

/// The number of a thread whose directory is misled is given to another process, and then to a new thread of the same
/// process, which has a child. 0, or the step that went wrong.
int reuseNumber() {
  const Execer execer;
  ProcessFiles files(execer.pid());
  ProcessEntry entry;
  std::size_t place = 0;
  const auto found = [&](std::size_t at) {
    place = at;
    return true;
  };
  if (!listUntil(execer, files, found)) return kNotMisled;
  const Pid thread = files.thread(place);
  if (!execer.comesToStop()) return 2;
  if (!makeNext(thread)) return kNotPermitted;
  {
    const Child foreign;
    if (foreign.pid() != thread || !execer.misleads(thread)) return 3;
    std::vector<Pid> none;
    if (procfs::readThread(execer.pid(), thread, entry) != ESRCH) return 4;
    if (files.readThread(place, entry) != ESRCH || files.readChildren(place, none) != ESRCH) return 5;
  }
  kill(execer.pid(), SIGCONT);
  if (!execer.haveThread(thread)) return 6;
  Pid child = 0;
  const auto path = "/proc/" + std::to_string(thread) + "/task/" + std::to_string(thread) + "/children";
  if (!waitUntil([&] { return std::ifstream(path) >> child && child > 0; })) return 7;
  if (!execer.misleads(thread)) return 8;

  // It is found all the same, by a single look and by the files that stay open.
  if (procfs::readThread(execer.pid(), thread, entry) != 0) return 9;
  if (files.read(entry) != 0 || files.list({}) != 0 || !files.isListed()) return 10;
  for (int times = 0; times < 2; ++times) {
    std::vector<Pid> born;
    for (std::size_t i = 0; i < files.count(); ++i) {
      if (files.readThread(i, entry) != 0 || files.readChildren(i, born) != 0) return 11;
    }
    if (born != std::vector<Pid>{child} || !files.isListed()) return 12;
  }

  // And it is seen to stop with the others.
  return execer.comesToStop(&files) && execer.comesToStop() ? 0 : 13;
}

}  // namespace

TEST_SUITE("misled directory") {
  TEST_CASE("a thread that called execve(2) has ended, though its directory in /proc leads to its successor") {
    const Execer execer;
    ProcessFiles files(execer.pid());
    constexpr int kTimes = 20;
    int times = 0;
    int wrong = 0;
    const bool isSeen = listUntil(execer, files, [&](std::size_t place) {
      ProcessEntry entry;
      // There may be as many threads as before, but the list is out of date.
      if (files.readThread(place, entry) != ESRCH || files.isListed()) ++wrong;
      if (procfs::readThread(execer.pid(), files.thread(place), entry) != ESRCH) ++wrong;
      return ++times == kTimes;
    });
    if (!isSeen) MESSAGE(kNotSeen);
    CHECK(wrong == 0);
    CHECK(execer.comesToStop(&files));
  }

  TEST_CASE("a process that calls execve(2) is listed with no thread twice") {
    const Execer execer;
    constexpr int kTimes = 10;
    int shown = 0;
    int twice = 0;
    const bool isSeen = waitUntil(
        [&] {
          shown += timesListed(execer.pid(), procfs::Numbers(taskOf(execer.pid()).c_str())) > 1 ? 1 : 0;
          twice += timesListed(execer.pid(), procfs::Threads(execer.pid())) > 1 ? 1 : 0;
          return shown >= kTimes;
        },
        kLimit);
    if (!isSeen) MESSAGE(kNotSeen);
    CHECK(twice == 0);
  }

  TEST_CASE("a thread that got the number of one that called execve(2) is read, with its children") {
    const int step = runInPidNamespace(reuseNumber);
    if (step == kNotPermitted) {
      MESSAGE("skipped: needs CAP_SYS_ADMIN, to choose a number");
    } else if (step == kNotMisled) {
      MESSAGE(kNotSeen);
    } else {
      CHECK(step == 0);
    }
  }
}

}  // namespace freeze_state::test

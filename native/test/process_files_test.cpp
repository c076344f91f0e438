#include "../core/os/linux/process_files.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "../core/os/linux/pidfd_control.h"
#include "../core/os/linux/process_table.h"
#include "../core/os/linux/thread_scan.h"
#include "support/child.h"
#include "support/controls.h"
#include "support/descriptors.h"
#include "support/tasks.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

constexpr int kThreads = 40;

/// How many descriptors below 256 are open in the table of this thread. /proc/self/fd shows that of the first one.
int openOfThread() {
  int count = 0;
  for (int fd = 0; fd < 256; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) ++count;
  }
  return count;
}

/// A thread of the tests that lives as long as this does.
class Thread {
 public:
  Thread() {
    std::unique_lock lock(mutex_);
    thread_ = std::thread([this] {
      std::unique_lock own(mutex_);
      id_ = gettid();
      changed_.notify_all();
      changed_.wait(own, [this] { return isOver_; });
    });
    changed_.wait(lock, [this] { return id_ != 0; });
  }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  ~Thread() { end(); }

  /// Ends the thread, and waits until the kernel does not list it any more.
  void end() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      isOver_ = true;
    }
    changed_.notify_all();
    thread_.join();
    CHECK(waitUntil([this] { return std::ranges::count(threadsOf(getpid()), id_) == 0; }));
  }
  Pid id() const noexcept { return id_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread thread_;
  Pid id_ = 0;
  bool isOver_ = false;
};

/// The number that the next open(2) gives.
int nextDescriptor() { return static_cast<int>(DescriptorLimit::none()); }

std::vector<Pid> listedBy(const ProcessFiles& files) {
  std::vector<Pid> threads;
  threads.reserve(files.count());
  for (std::size_t i = 0; i < files.count(); ++i) threads.push_back(files.thread(i));
  return threads;
}

std::vector<Pid> childrenBy(ChildReader& reader, const Process& process) {
  std::vector<Pid> children;
  CHECK(reader.readOf(process, ChildReader::Extent::All, children, {}) == 0);
  return children;
}

}  // namespace

TEST_SUITE("process files") {
  TEST_CASE("the file of a process is opened once, read again, and closed with what holds it") {
    const Child child;
    const std::size_t before = openDescriptors();
    {
      ProcessFiles files(child.pid());
      ProcessEntry entry;
      REQUIRE(files.read(entry) == 0);
      CHECK(entry.parent == getpid());
      CHECK(openDescriptors() == before + 1);
      ::kill(child.pid(), SIGSTOP);
      CHECK(waitUntil([&] { return files.read(entry) == 0 && entry.state == 'T'; }));
      CHECK(openDescriptors() == before + 1);
      CHECK(kept_descriptors::count() == 1);
    }
    CHECK(openDescriptors() == before);
    CHECK(kept_descriptors::count() == 0);
  }

  TEST_CASE("a process that has been reaped is gone, though its file is open") {
    Child child;
    ProcessFiles files(child.pid());
    ProcessEntry entry;
    REQUIRE(files.read(entry) == 0);
    child.kill();
    child.reap();
    CHECK(files.read(entry) == ESRCH);
    CHECK(kept_descriptors::count() == 0);
  }

  TEST_CASE("the threads are listed anew once one of them has ended, though another has come") {
    ProcessFiles files(getpid());
    Thread first;
    ProcessEntry entry;
    REQUIRE(files.read(entry) == 0);
    CHECK_FALSE(files.isListed());
    REQUIRE(files.list({}) == 0);
    REQUIRE(files.isListed());
    CHECK(listedBy(files) == threadsOf(getpid()));
    for (std::size_t i = 0; i < files.count(); ++i) CHECK(files.readThread(i, entry) == 0);
    const std::vector<Pid> listed = listedBy(files);
    const auto place = std::ranges::find(listed, first.id()) - listed.begin();
    first.end();
    const Thread second;
    REQUIRE(files.read(entry) == 0);
    // There are as many threads as before.
    CHECK(files.isListed());
    CHECK(files.readThread(static_cast<std::size_t>(place), entry) == ESRCH);
    CHECK_FALSE(files.isListed());
    REQUIRE(files.list({}) == 0);
    CHECK(files.isListed());
    CHECK(listedBy(files) == threadsOf(getpid()));
  }

  TEST_CASE("a process is quiescent from the probe that finds all of its threads stopped to the next signal") {
    if (!isUsable<PidfdControl>()) return;
    const Child child(kThreads);
    REQUIRE(waitUntil([&] { return threadsOf(child.pid()).size() >= kThreads; }));
    PidfdControl control;
    Process process;
    REQUIRE(control.open(child.pid(), process).empty());
    REQUIRE(process.files != nullptr);
    REQUIRE(control.send(process, Signal::Stop) == 0);
    CHECK_FALSE(process.files->isQuiescent());
    REQUIRE(waitUntil([&] { return control.probe(process) == ProcessState::Stopped; }));
    CHECK(process.files->isQuiescent());
    CHECK(listedBy(*process.files) == threadsOf(child.pid()));
    const std::size_t open = openDescriptors();
    CHECK(control.probe(process) == ProcessState::Stopped);
    CHECK(openDescriptors() == open);
    REQUIRE(control.send(process, Signal::Continue) == 0);
    CHECK_FALSE(process.files->isQuiescent());
    CHECK(waitUntil([&] { return control.probe(process) == ProcessState::Sleeping; }));
    control.release(process);
    CHECK(kept_descriptors::count() == 0);
  }

  TEST_CASE("the children of listed threads are found by the kept files, also those that were born later") {
    if (!isUsable<PidfdControl>()) return;
    LinuxProcessTable table(LinuxProcessTable::Means::ChildrenFiles);
    PidfdControl control;
    Process self;
    REQUIRE(control.open(getpid(), self).empty());
    const auto reader = table.children();
    const Thread other;
    const Child first;
    const auto has = [&](const Child& child) {
      return std::ranges::count(childrenBy(*reader, self), child.pid()) == 1;
    };
    CHECK(has(first));
    const std::size_t open = openDescriptors();
    {
      const Child second;
      CHECK(has(first));
      CHECK(has(second));
    }
    CHECK(openDescriptors() == open);
    control.release(self);
  }

  TEST_CASE("at most a quarter of the descriptors that the process may have are kept") {
    const Child child(kThreads);
    REQUIRE(waitUntil([&] { return threadsOf(child.pid()).size() >= kThreads; }));
    ::kill(child.pid(), SIGSTOP);
    ProcessFiles files(child.pid());
    constexpr rlim_t kLimit = 64;
    const DescriptorLimit limit(std::max(kLimit, DescriptorLimit::none() + (kLimit / 2)));
    rlimit now{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &now) == 0);
    ThreadScan scan;
    REQUIRE(waitUntil([&] { return procfs::probe(files, scan, {}) == ProcessState::Stopped; }));
    CHECK(kept_descriptors::count() == now.rlim_cur / 4);
    std::vector<Pid> children;
    for (std::size_t i = 0; i < files.count(); ++i) CHECK(files.readChildren(i, children) == 0);
    CHECK(kept_descriptors::count() == now.rlim_cur / 4);
    CHECK(children.empty());
  }

  TEST_CASE("a thread's children file stays open only while its stat file does, which tells that the thread lives") {
    const Child child;
    ProcessFiles files(child.pid());
    ProcessEntry entry;
    std::vector<Pid> children;
    {
      const DescriptorLimit limit(DescriptorLimit::none() + 1);
      REQUIRE(files.read(entry) == 0);
    }
    REQUIRE(kept_descriptors::count() == 0);
    CHECK(files.readChildren(0, children) == 0);
    CHECK(kept_descriptors::count() == 0);
    REQUIRE(files.read(entry) == 0);
    CHECK(files.readChildren(0, children) == 0);
    CHECK(kept_descriptors::count() == 2);
    CHECK(kept_descriptors::reclaim() == 2);
    CHECK(kept_descriptors::count() == 0);
  }

  TEST_CASE("where no descriptor is left, kept files are closed so that a process can be opened") {
    if (!isUsable<PidfdControl>()) return;
    const Child child;
    const Child other;
    ProcessFiles files(child.pid());
    ProcessEntry entry;
    REQUIRE(files.read(entry) == 0);
    REQUIRE(kept_descriptors::count() == 1);
    PidfdControl control;
    Process process;
    {
      const DescriptorLimit limit(DescriptorLimit::none());
      CHECK(control.open(other.pid(), process).empty());
      CHECK(process.fd >= 0);
      CHECK(kept_descriptors::count() == 0);
      // Nothing is left to close.
      CHECK(files.read(entry) == EMFILE);
    }
    CHECK(files.read(entry) == 0);
    control.release(process);
  }

  TEST_CASE("a thread that has a table of descriptors of its own closes none of it by the numbers that are kept") {
    CHECK(runInFork([] {
            const Child child;
            ProcessFiles files(child.pid());
            ProcessEntry entry;
            if (files.read(entry) != 0 || kept_descriptors::count() != 1) return 1;
            int result = 2;
            std::thread([&] {
              if (unshare(CLONE_FILES) != 0) return;
              kept_descriptors::noteOwnTable();
              const int before = openOfThread();
              int takes = 0;
              const int fd = kept_descriptors::withDescriptor([&] {
                ++takes;
                errno = EMFILE;
                return -1;
              });
              result = fd == -1 && errno == EMFILE && takes == 1 && openOfThread() == before ? 0 : 3;
            }).join();
            if (result != 0) return result;
            // Any other thread still does.
            return kept_descriptors::reclaim() == 1 ? 0 : 4;
          }) == 0);
  }

  TEST_CASE("kept files are closed again and again while another thread takes the descriptors, until none is kept") {
    const Child child;
    ProcessFiles files(child.pid());
    ProcessEntry entry;
    REQUIRE(files.read(entry) == 0);
    int takes = 0;
    constexpr int kTaken = 1000;
    const auto takeFourth = [&](bool isKeptAgain) {
      takes = 0;
      return kept_descriptors::withDescriptor([&] {
        if (++takes == 4) return kTaken;
        if (isKeptAgain) files.read(entry);
        errno = EMFILE;
        return -1;
      });
    };
    CHECK(takeFourth(true) == kTaken);
    CHECK(kept_descriptors::count() == 0);
    CHECK(takeFourth(false) == -1);
    CHECK(errno == EMFILE);
    CHECK(takes == 1);
  }

  TEST_CASE("what is kept is closed while another thread reads it, which opens it again") {
    const Child child(kThreads);
    REQUIRE(waitUntil([&] { return threadsOf(child.pid()).size() >= kThreads; }));
    ::kill(child.pid(), SIGSTOP);
    ProcessFiles files(child.pid());
    ThreadScan first;
    REQUIRE(waitUntil([&] { return procfs::probe(files, first, {}) == ProcessState::Stopped; }));
    std::atomic<bool> isOver = false;
    std::size_t failures = 0;
    std::thread reader([&] {
      while (!isOver) {
        ThreadScan scan;
        if (procfs::probe(files, scan, {}) != ProcessState::Stopped) ++failures;
      }
    });
    std::size_t closed = 0;
    constexpr std::size_t kEnough = 400;
    const bool isClosed = waitUntil([&] { return (closed += kept_descriptors::reclaim()) > kEnough; });
    isOver = true;
    reader.join();
    CHECK(isClosed);
    CHECK(failures == 0);
    kept_descriptors::reclaim();
    CHECK(kept_descriptors::count() == 0);
  }

  TEST_CASE("a process that executes a program is still known by its file, and the files of its threads are closed") {
    if (!isUsable<PidfdControl>()) return;
    std::array<int, 2> order{};
    REQUIRE(pipe2(order.data(), O_CLOEXEC) == 0);
    const Pid self = getpid();
    const Child child([&] {
      for (int i = 0; i < kThreads; ++i) {
        // The last is the one that executes it.
        std::thread([&, i] {
          char byte = 0;
          if (i + 1 < kThreads || read(order[0], &byte, 1) != 1) pause();
          dieWith(self);
          execl("/bin/sleep", "sleep", "1000", nullptr);
          _exit(1);
        }).detach();
      }
      pause();
    });
    close(order[0]);
    REQUIRE(waitUntil([&] { return threadsOf(child.pid()).size() > kThreads; }));
    PidfdControl control;
    Process process;
    REQUIRE(control.open(child.pid(), process).empty());
    const auto comesToStop = [&] {
      control.send(process, Signal::Stop);
      return waitUntil([&] { return control.probe(process) == ProcessState::Stopped; });
    };
    REQUIRE(comesToStop());
    CHECK(kept_descriptors::count() == kThreads + 1);
    REQUIRE(control.send(process, Signal::Continue) == 0);
    CHECK(write(order[1], "x", 1) == 1);
    close(order[1]);
    REQUIRE(waitUntil([&] { return procfs::line(child.pid(), "comm") == "sleep"; }));
    REQUIRE(comesToStop());
    CHECK(process.files->isQuiescent());
    CHECK(listedBy(*process.files) == std::vector<Pid>{child.pid()});
    CHECK(kept_descriptors::count() == 1);
    control.release(process);
  }

  TEST_CASE("the children of a process are read anew if its threads were listed again between two steps") {
    if (!isUsable<PidfdControl>()) return;
    LinuxProcessTable table(LinuxProcessTable::Means::ChildrenFiles);
    PidfdControl control;
    Process self;
    REQUIRE(control.open(getpid(), self).empty());
    const auto reader = table.children();
    const Child child;
    Thread first;
    Thread second;
    std::vector<Pid> children;
    const auto step = [&] {
      return reader->readOf(self, ChildReader::Extent::All, children, {.until = Deadline::min()});
    };
    REQUIRE_FALSE(step());
    while (!self.files->isListed()) REQUIRE_FALSE(step());
    const std::size_t before = self.files->count();
    first.end();
    second.end();
    REQUIRE(self.files->list({}) == 0);
    CHECK(self.files->count() == before - 2);
    std::optional<int> error;
    while (!error) error = step();
    CHECK(error == 0);
    CHECK(std::ranges::count(children, child.pid()) == 1);
    control.release(self);
  }

  TEST_CASE("a kept descriptor that the program has closed, and that is another file's now, is not trusted") {
    const Child child;
    ProcessFiles files(child.pid());
    const int kept = nextDescriptor();
    ProcessEntry entry;
    REQUIRE(files.read(entry) == 0);
    const int other = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    REQUIRE(other >= 0);
    REQUIRE(dup2(other, kept) == kept);
    CHECK(files.read(entry) == 0);
    CHECK(entry.parent == getpid());
    CHECK(fcntl(kept, F_GETFD) >= 0);
    close(kept);
    close(other);
  }
}

}  // namespace freeze_state::test

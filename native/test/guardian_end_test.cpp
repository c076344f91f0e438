// The guardian's program on a ledger that the test writes: which processes it kills where its emulator dies, and how
// long it waits for that.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "../core/os/cgroupfs.h"
#include "../core/os/linux/ledger.h"
#include "../core/os/linux/ledger_layout.h"
#include "../core/os/linux/procfs.h"
#include "../core/os/process_control.h"
#include "support/child.h"
#include "support/real_group.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

/// A ledger, and the guardian that reads it once `emulatorDies`. The emulator is a child, which must not be signalled.
class Guarded {
 public:
  Guarded() {
    Failure why{};
    ledger_ = MappedLedger::make(file_, why);
    REQUIRE(ledger_);
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() {
    if (socket_ >= 0) close(socket_);
  }

  Ledger& ending() { return *ledger_->ending(); }
  Ledger& thawing() { return *ledger_; }

  /// Runs the guardian to its end.
  void emulatorDies() {
    start(emulator_.pid());
    endSocket();
    awaitEnd();
    CHECK(emulator_.runs());
  }

  /// Starts a guardian for that process, without a pidfd of it. The guardian acts once the socket has ended.
  void start(Pid emulator) {
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    const std::string pid = std::to_string(emulator);
    const Pid own = getpid();
    const pid_t started = fork();
    REQUIRE(started >= 0);
    if (started == 0) {
      dieWith(own);
      // Moved out of the way first, since one may have the number that another is to get.
      constexpr int kHigh = 10;
      const int socket = fcntl(ends[1], F_DUPFD_CLOEXEC, kHigh);
      const int file = fcntl(file_.get(), F_DUPFD_CLOEXEC, kHigh);
      if (dup2(socket, ledger::kSocketFd) < 0 || dup2(file, ledger::kLedgerFd) < 0) _exit(1);
      close(ledger::kParentFd);
      execl(GUARDIAN_PROGRAM, "freeze-state-guardian", pid.c_str(), nullptr);
      _exit(1);
    }
    close(ends[1]);
    waitpid(started, nullptr, 0);
    ledger::Hello hello;
    CHECK(recv(ends[0], &hello, sizeof hello, MSG_WAITALL) == sizeof hello);
    socket_ = ends[0];
    guardian_ = hello.pid;
  }
  Pid guardian() const { return guardian_; }
  Pid emulator() const { return emulator_.pid(); }

  /// From now on the guardian takes the emulator for dying.
  void endSocket() const { shutdown(socket_, SHUT_WR); }

  /// Waits for the end of the guardian.
  void awaitEnd() const {
    char more = 0;
    CHECK(recv(socket_, &more, 1, 0) == 0);
  }

 private:
  Child emulator_;
  int socket_ = -1;
  Pid guardian_ = 0;
  FileDescriptor file_;
  std::unique_ptr<MappedLedger> ledger_;
};

LedgerIdentity identityOf(Pid pid) {
  Process process{.pid = pid};
  REQUIRE(systemControl().open(pid, process).empty());
  const LedgerIdentity identity = systemControl().identify(process);
  systemControl().release(process);
  return identity;
}

/// A shell that leads a group and a session, with two descendants in sessions of their own. All have the tags. The
/// destructor kills what still lives, and reaps the shell.
class Family {
 public:
  explicit Family(const std::string& tags) {
    std::array<int, 2> pipe{};
    REQUIRE(pipe2(pipe.data(), O_CLOEXEC) == 0);
    // Not by `+`, of which GCC 12 has a false warning here (-Warray-bounds).
    std::string variable(ledger::kTagVariable);
    variable += '=';
    variable += tags;
    // Where a test is broken they end by themselves.
    const std::string program = "setsid sh -c 'sleep 60 & echo $!; wait' & wait";
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      setsid();
      dup2(pipe[1], STDOUT_FILENO);
      const std::string path = std::string("PATH=") + std::getenv("PATH");
      const std::array<const char*, 3> environment{path.c_str(), variable.c_str(), nullptr};
      execle("/bin/sh", "sh", "-c", program.c_str(), nullptr, environment.data());
      _exit(1);
    }
    close(pipe[1]);
    std::array<char, 16> text{};
    CHECK(read(pipe[0], text.data(), text.size() - 1) > 0);
    close(pipe[0]);
    grandchild_ = static_cast<Pid>(std::strtol(text.data(), nullptr, 10));
  }
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;
  ~Family() {
    if (grandchild_ > 1 && !isOver(grandchild_)) kill(grandchild_, SIGKILL);
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  Pid pid() const { return pid_; }
  bool comesToEnd() const {
    return waitUntil([&] { return isOver(pid_) && isOver(grandchild_); });
  }
  bool lives() const { return !isOver(pid_) && !isOver(grandchild_); }
  void stop() const {
    kill(pid_, SIGSTOP);
    kill(grandchild_, SIGSTOP);
  }

 private:
  static bool isOver(Pid pid) {
    ProcessEntry stat;
    return procfs::read(pid, stat) != 0 || stat.state == 'Z' || stat.state == 'X';
  }

  Pid pid_ = 0;
  Pid grandchild_ = 0;
};

}  // namespace

TEST_SUITE("the guardian of an emulator that is dying") {
  TEST_CASE("what is stopped while a thread has not noticed its SIGKILL is continued, and then the guardian ends") {
    Guarded guarded;
    // Its first thread never takes the SIGKILL that it is sent: it has exited before the other one, and stays a zombie.
    Child emulator([] {
      std::thread([] {
        for (;;) pause();
      }).detach();
      syscall(SYS_exit, 0);
    });
    ProcessEntry first;
    REQUIRE(waitUntil([&] { return procfs::read(emulator.pid(), first) == 0 && first.state == 'Z'; }));
    emulator.kill();
    const Child member;
    auto entry = guarded.thawing().enter(identityOf(member.pid()));
    entry.mark();
    guarded.start(emulator.pid());
    guarded.endSocket();
    int times = 0;
    // After any end of the socket the guardian thaws twice; these are more.
    constexpr int kMore = 5;
    CHECK(waitUntil([&] {
      kill(member.pid(), SIGSTOP);
      int status = 0;
      if (waitpid(member.pid(), &status, WNOHANG | WCONTINUED) == member.pid() && WIFCONTINUED(status)) ++times;
      return times == kMore;
    }));
    emulator.reap();
    guarded.awaitEnd();
    CHECK(member.comesToRun());
  }
}

TEST_SUITE("the guardian kills what is to end with its emulator") {
  TEST_CASE("the guardian kills a process and its descendants, in sessions of their own, and no other") {
    Guarded guarded;
    const Family family("one");
    const Family bystander("two");
    const auto entry = guarded.ending().enter(identityOf(family.pid()));
    guarded.emulatorDies();
    CHECK(family.comesToEnd());
    CHECK(bystander.lives());
  }

  TEST_CASE("processes that are to end are killed without being continued, while others are continued") {
    Guarded guarded;
    const Family family("one");
    const Child other;
    family.stop();
    kill(other.pid(), SIGSTOP);
    REQUIRE(other.comesToStop());
    auto entry = guarded.ending().enter(identityOf(family.pid()));
    auto thawed = guarded.thawing().enter(identityOf(other.pid()));
    entry.mark();
    thawed.mark();
    guarded.emulatorDies();
    CHECK(family.comesToEnd());
    CHECK(other.comesToRun());
  }

  TEST_CASE("a process that was given the pid of one that is to end lives on") {
    Guarded guarded;
    const Family family("one");
    LedgerIdentity identity = identityOf(family.pid());
    if (identity.inode != 0)
      ++identity.inode;
    else
      ++identity.startTime;
    auto entry = guarded.ending().enter(identity);
    entry.mark();
    guarded.emulatorDies();
    CHECK(family.lives());
  }

  TEST_CASE("a process that has left the ledger lives on") {
    Guarded guarded;
    const Family family("one");
    {
      const auto entry = guarded.ending().enter(identityOf(family.pid()));
    }
    {
      const auto tag = guarded.ending().enterTag("one");
    }
    guarded.emulatorDies();
    CHECK(family.lives());
  }

  TEST_CASE("the guardian kills a group, and the descendants of those in it") {
    Guarded guarded;
    const Family family("one");
    LedgerIdentity identity = identityOf(family.pid());
    identity.kind = LedgerIdentity::Kind::Group;
    identity.session = family.pid();
    const auto entry = guarded.ending().enter(identity);
    guarded.emulatorDies();
    CHECK(family.comesToEnd());
  }

  TEST_CASE("processes are known by a tag in their environment, and not by a part of it") {
    Guarded guarded;
    const Family family("outer one");
    const Family other("oneself");
    const Family another("on");
    const auto entry = guarded.ending().enterTag("one");
    guarded.emulatorDies();
    CHECK(family.comesToEnd());
    CHECK(other.lives());
    CHECK(another.lives());
  }

  TEST_CASE("a control group ends also where a foreign process has moved the guardian into it, or into one below") {
    for (const char* const below : {"", "/below"}) {
      CAPTURE(below);
      const RealGroup group("ending");
      if (!canMake(group)) return;
      const std::string place = group.path + below;
      if (place != group.path) REQUIRE(mkdir(place.c_str(), S_IRWXU) == 0);
      Guarded guarded;
      const Family family("one");
      REQUIRE(cgroup::join(group.path, family.pid()) == 0);
      const auto entry = guarded.ending().enter(group.recorded(false));
      guarded.start(guarded.emulator());
      REQUIRE(cgroup::join(place, guarded.guardian()) == 0);
      guarded.endSocket();
      CHECK(family.comesToEnd());
      // Where it has frozen itself, it goes on here, and ends.
      cgroup::write(group.path, "cgroup.freeze", "0");
      guarded.awaitEnd();
      if (place != group.path) CHECK(waitUntil([&] { return rmdir(place.c_str()) == 0; }));
      CHECK(waitUntil([&] { return rmdir(group.path.c_str()) == 0; }));
    }
  }

  TEST_CASE("a tag that is too long is not entered") {
    Guarded guarded;
    const LedgerEntry entry = guarded.ending().enterTag(std::string(sizeof(ledger::TagSlot::tag), 'a'));
    CHECK(entry.isEmpty());
  }
}

}  // namespace freeze_state::test

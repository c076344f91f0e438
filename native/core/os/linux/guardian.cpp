#include "../guardian.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdio>
#include <mutex>
#include <utility>

#include "ledger.h"
#include "pidfd.h"
#include "procfs.h"

// Linux 5.9; the same on every architecture.
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1U << 1)
#endif

namespace freeze_state::guardian {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

/// A guardian takes about a millisecond to be ready, and longer on a machine that is overloaded.
constexpr seconds kLongestStart(2);

/// What states ask and the keeper tells.
struct Shared {
  std::mutex mutex;      ///< guards the rest
  std::string program;   ///< not changed any more once `isAsked`
  bool isAsked = false;  ///< `start` was called
  bool isTold = false;   ///< the first guardian is ready, or has failed
  Failures why;
  MappedLedger* ledger = nullptr;  ///< never destroyed
};

/// Never destroyed: the keeper runs until the process has ended.
Shared& shared() {
  static Shared& only = *new Shared();
  return only;
}

std::atomic<Pid> runningPid{0};

void tell(Pid pid, Failures why) {
  Shared& all = shared();
  const std::lock_guard lock(all.mutex);
  runningPid = pid;
  all.why = std::move(why);
  all.isTold = true;
  if (all.ledger != nullptr) all.ledger->endWait();
}

struct Credentials {
  std::array<uid_t, 3> users{};
  bool operator==(const Credentials&) const = default;

  static Credentials current() noexcept {
    Credentials now;
    auto& [real, effective, saved] = now.users;
    getresuid(&real, &effective, &saved);
    return now;
  }
};

/// Gives this thread a table of descriptors of its own, with nothing but the one in it: what is open there ends with
/// this process and not with a fork(2) of another thread, which copies the table of that one. And whoever waits for an
/// end of our standard output does not wait for the keeper. Some seccomp filters forbid the one call, some the other;
/// without both, a copy may hide our death from the guardian for as long as it lives, and the pidfd tells of it later.
bool unshareDescriptors(int kept) noexcept {
  const auto closeRange = [](int first, unsigned last, unsigned flags) {
    return syscall(SYS_close_range, static_cast<unsigned>(first), last, flags) == 0;
  };
  const auto above = kept + 1;
  if (!closeRange(above, ~0U, CLOSE_RANGE_UNSHARE)) {
    if (unshare(CLONE_FILES) != 0) return false;
    // Linux before 5.9 does not know the call at all.
    for (int fd = static_cast<int>(sysconf(_SC_OPEN_MAX)); fd >= above; --fd) close(fd);
  }
  for (int fd = 0; fd < kept; ++fd) close(fd);
  return true;
}

/// What comes below stays free: a spawned program takes its descriptors there, and the standard ones belong to whatever
/// a library prints in this thread.
int aside(int fd) noexcept {
  constexpr int kLowest = 10;
  if (fd < 0) return fd;
  const int moved = fcntl(fd, F_DUPFD_CLOEXEC, kLowest);
  close(fd);
  return moved;
}

struct Started {
  int socket = -1;  ///< -1 where it did not
  Pid pid = 0;
  Failures why;
};

Failures failed(const char* call, int error) { return {{FailureCode::GuardianFailed, 0, error, call}}; }

/// Starts the program, which forks and ends at once, so that the guardian is nobody's child whom we know: Node and
/// other libraries wait for their own children only, and whoever ends our children does not find it.
int spawn(const std::string& program, int socket, int ledgerFd, int parentFd) noexcept {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  if (const int error = posix_spawn_file_actions_init(&actions); error != 0) return error;
  if (const int error = posix_spawnattr_init(&attributes); error != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return error;
  }
  posix_spawn_file_actions_adddup2(&actions, socket, ledger::kSocketFd);
  posix_spawn_file_actions_adddup2(&actions, ledgerFd, ledger::kLedgerFd);
  if (parentFd >= 0) posix_spawn_file_actions_adddup2(&actions, parentFd, ledger::kParentFd);
  // Deaf to all signals but SIGKILL and SIGSTOP; what it would do with the others does not matter then.
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigmask(&attributes, &all);
  // What ps(1) shows.
  std::array<char, 32> name{"freeze-state-guardian"};
  std::array<char, 16> parent{};
  std::snprintf(parent.data(), parent.size(), "%d", getpid());
  std::array<char*, 3> argv{name.data(), parent.data(), nullptr};
  std::array<char*, 1> environment{nullptr};
  pid_t pid = 0;
  const int error = posix_spawn(&pid, program.c_str(), &actions, &attributes, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return error;
  // ECHILD where SIGCHLD is ignored, or somebody waits for every child.
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return 0;
}

/// Waits for the socket. False at the end of the time.
bool waitFor(int socket, Clock::time_point until) noexcept {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd one{socket, POLLIN, 0};
    const int ready = poll(&one, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

/// Why the guardian cannot tell our members from others.
Failures whyBlind(const ledger::Hello& hello) {
  if (hello.version != ledger::kVersion) return failed("version", 0);
  if (hello.seesParent == 0) return {{FailureCode::GuardianBlind, getpid(), 0, "pid"}};
  // It compares the inodes of pidfds, then.
  if (hello.hasPidfds != 0 && pidfd::haveInodes()) return {};
  ProcessEntry own;
  if (procfs::read(getpid(), own) == 0 && own.startTime == hello.parentStartTime) return {};
  return {{FailureCode::GuardianBlind, getpid(), 0, "time"}};
}

Started start(const std::string& program, int ledgerFd) {
  Started started;
  std::array<int, 2> ends{-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    started.why = failed("socketpair", errno);
    return started;
  }
  const int ours = aside(ends[0]);
  const int theirs = aside(ends[1]);
  const int parentFd = aside(pidfd::open(getpid()));
  const int error = ours < 0 || theirs < 0 ? EMFILE : spawn(program, theirs, ledgerFd, parentFd);
  if (theirs >= 0) close(theirs);
  if (parentFd >= 0) close(parentFd);
  ledger::Hello hello;
  const auto until = Clock::now() + kLongestStart;
  if (error != 0) {
    const bool isMissing = error == ENOENT || error == ENOTDIR;
    started.why = {{isMissing ? FailureCode::GuardianMissing : FailureCode::GuardianFailed, 0, error, "posix_spawn"}};
    started.why.front().path = program;
  } else if (!waitFor(ours, until) || recv(ours, &hello, sizeof hello, MSG_DONTWAIT) != sizeof hello) {
    // It was ended before it was ready, by a seccomp filter, say; or the machine is overloaded, and then it ends
    // itself.
    started.why = failed("recv", 0);
  } else {
    started.why = whyBlind(hello);
  }
  if (started.why.empty()) {
    started.socket = ours;
    started.pid = hello.pid;
  } else if (ours >= 0) {
    send(ours, &ledger::kRetire, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(ours);
  }
  return started;
}

/// What the keeper does: it has a guardian until this process ends, which ends the keeper.
class Keeper {
 public:
  Keeper(const std::string& program, int ledgerFd) noexcept : program_(program), ledgerFd_(ledgerFd) {}

  /// Allocates nothing where all goes well: the C library would reserve an arena for this thread.
  [[noreturn]] void run() {
    if (unshareDescriptors(ledgerFd_)) occupyStandardDescriptors();
    ledgerFd_ = aside(ledgerFd_);
    milliseconds pause(0);
    for (;;) {
      const auto begin = Clock::now();
      if (!keepOne()) sleepFor(kLongestPause);
      // One that was killed is replaced at once, and one that is killed again and again, ever later.
      pause = Clock::now() - begin > kLongestPause ? milliseconds(0) : std::min(kLongestPause, pause * 2 + kFirstPause);
      if (pause > kFirstPause) sleepFor(pause);
    }
  }

 private:
  static constexpr milliseconds kFirstPause{1};
  static constexpr milliseconds kLongestPause{10'000};

  static void occupyStandardDescriptors() noexcept {
    while (true) {
      const int fd = open("/dev/null", O_RDWR);
      if (fd < 0) return;
      if (fd > STDERR_FILENO) {
        close(fd);
        return;
      }
    }
  }

  static void sleepFor(milliseconds time) noexcept { poll(nullptr, 0, static_cast<int>(time.count())); }

  /// Has a guardian until it ends. False where none could be started.
  bool keepOne() {
    const Credentials credentials = Credentials::current();
    Started now = start(program_, ledgerFd_);
    // The one before had other credentials than we have now.
    if (previous_ >= 0) {
      send(previous_, &ledger::kRetire, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
      close(std::exchange(previous_, -1));
    }
    const int handle = now.socket < 0 ? -1 : aside(pidfd::open(now.pid));
    tell(now.pid, std::move(now.why));
    if (now.socket < 0) return false;
    // A C library changes the user of all threads by a signal to each (setuid(2), "C library/kernel differences"),
    // which ends the poll.
    while (Credentials::current() == credentials) {
      pollfd guardian{now.socket, POLLIN, 0};
      if (poll(&guardian, 1, -1) <= 0) continue;
      runningPid = 0;
      reap(handle);
      close(now.socket);
      return true;
    }
    if (handle >= 0) close(handle);
    previous_ = now.socket;
    return true;
  }

  /// Where orphans are given to us, as to the first process of a container, it is ours to reap; else ECHILD. Not by its
  /// number, which may be a child's of ours by now.
  static void reap(int handle) noexcept {
    if (handle < 0) return;
    constexpr auto kPidfd = static_cast<idtype_t>(3);  // P_PIDFD, which older C libraries do not have
    while (waitid(kPidfd, static_cast<id_t>(handle), nullptr, WEXITED) != 0 && errno == EINTR) {
    }
    close(handle);
  }

  const std::string& program_;
  int ledgerFd_;
  int previous_ = -1;
};

void* runKeeper(void* keeper) {
  pthread_setname_np(pthread_self(), "freeze-keeper");
  static_cast<Keeper*>(keeper)->run();
}

/// Its signals are blocked, so that none of the program's handlers runs in it.
int startKeeper(Keeper& keeper) noexcept {
  pthread_attr_t attributes;
  if (const int error = pthread_attr_init(&attributes); error != 0) return error;
  constexpr std::size_t kStack = 262144;
  pthread_attr_setstacksize(&attributes, kStack);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread{};
  const int error = pthread_create(&thread, &attributes, runKeeper, &keeper);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return error;
}

Failures whyNotExecutable(const std::string& program) {
  if (access(program.c_str(), X_OK) == 0) return {};
  const bool isMissing = errno == ENOENT || errno == ENOTDIR;
  Failure failure{isMissing ? FailureCode::GuardianMissing : FailureCode::GuardianFailed, 0, errno, "access"};
  failure.path = program;
  return {failure};
}

}  // namespace

void setProgram(std::string path) {
  Shared& all = shared();
  const std::lock_guard lock(all.mutex);
  if (!all.isAsked) all.program = std::move(path);
}

Ledger* start() noexcept {
  Shared& all = shared();
  const std::lock_guard lock(all.mutex);
  if (all.ledger != nullptr) return all.ledger;
  all.isAsked = true;
  // Where the keeper has a table of its own, the descriptor stays open here as well, and is not used again.
  int fd = -1;
  Failure why{};
  auto ledger = MappedLedger::make(fd, why);
  // Its thread has it from then on.
  Keeper* const keeper = ledger ? new Keeper(all.program, fd) : nullptr;
  const int error = keeper == nullptr ? 0 : startKeeper(*keeper);
  if (keeper == nullptr || error != 0) {
    delete keeper;
    // The next state tries it again.
    all.why = error == 0 ? Failures{why} : failed("pthread_create", error);
    all.isTold = true;
    if (fd >= 0) close(fd);
    return nullptr;
  }
  all.ledger = ledger.release();
  all.isTold = false;
  return all.ledger;
}

Status status() {
  Shared& all = shared();
  const std::lock_guard lock(all.mutex);
  if (!all.isTold) return {0, all.isAsked, whyNotExecutable(all.program)};
  return {runningPid.load(), false, all.why};
}

Pid pid() noexcept { return runningPid.load(); }

}  // namespace freeze_state::guardian

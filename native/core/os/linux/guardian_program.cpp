#include "guardian_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <utility>

#include "../../deadline.h"
#include "access.h"
#include "capabilities.h"
#include "ledger_layout.h"
#include "pidfd.h"
#include "procfs.h"

namespace freeze_state::guardian {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A guardian takes about a millisecond to be ready, and longer on a machine that is overloaded.
constexpr seconds kLongestStart(2);
/// A guardian that was stopped may never end, so the wait is limited.
constexpr seconds kLongestEnd(1);

Failures failed(const char* call, int error) {
  return {{.code = FailureCode::GuardianFailed, .error = error, .call = call}};
}

/// The descriptors that it gets, which are lent; -1 is closed.
struct Descriptors {
  int socket = -1;
  int ledger = -1;
  int parent = -1;
};

int add(posix_spawn_file_actions_t& actions, int fd, int as) noexcept {
  // Where we have none, a library may have a descriptor of that number that execve(2) does not close.
  return fd < 0 ? posix_spawn_file_actions_addclose(&actions, as) : posix_spawn_file_actions_adddup2(&actions, fd, as);
}

int addAll(posix_spawn_file_actions_t& actions, const Descriptors& fds) noexcept {
  for (const auto& [fd, as] : {std::pair(fds.socket, ledger::kSocketFd), std::pair(fds.ledger, ledger::kLedgerFd),
                               std::pair(fds.parent, ledger::kParentFd)}) {
    if (const int error = add(actions, fd, as); error != 0) return error;
  }
  return 0;
}

/// Starts the program, which forks and ends at once, so that the guardian is not a child that we started. Node and
/// other libraries wait for their own children only, and code that ends our children does not find it. Returns 0, or
/// the errno(3).
int spawn(const std::string& program, const Descriptors& fds, int& status) noexcept {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  if (const int error = posix_spawn_file_actions_init(&actions); error != 0) return error;
  if (const int error = posix_spawnattr_init(&attributes); error != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return error;
  }
  // It blocks all signals but SIGKILL and SIGSTOP, which cannot be blocked. So it does not matter what it would do at
  // others.
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
  int error = addAll(actions, fds);
  if (error == 0) error = posix_spawn(&pid, program.c_str(), &actions, &attributes, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return error;
  // ECHILD where SIGCHLD is ignored, or other code waits for every child.
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return 0;
}

/// Waits for the descriptor to be readable. False at the end of the time.
bool waitFor(int fd, Clock::time_point until) noexcept {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd one{fd, POLLIN, 0};
    const int ready = poll(&one, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

/// Why the guardian could not thaw a control group in the ledger: it has the user of this thread, and the group was
/// opened by us as another one.
Failures whyNotThawed(int ledgerFd) {
  ledger::Header header{};
  if (pread(ledgerFd, &header, sizeof header, 0) != sizeof header) return {};
  for (std::uint32_t i = 0; i < std::min(header.cgroups.load(), ledger::kMaxCgroups); ++i) {
    ledger::CgroupSlot slot{};
    const auto at = static_cast<off_t>(ledger::kCgroupsAt + (i * sizeof slot));
    if (pread(ledgerFd, &slot, sizeof slot, at) != sizeof slot || slot.isUsed.load() == 0) continue;
    std::array<char, PATH_MAX + 16> file{};
    std::snprintf(file.data(), file.size(), "%s/cgroup.freeze", slot.path.data());
    const int error = findAccess(file.data(), W_OK);
    if (error != EACCES) continue;
    Failure failure{.code = FailureCode::GuardianDenied, .error = error, .call = "access"};
    failure.path = slot.path.data();
    return {failure};
  }
  return {};
}

/// Why the guardian cannot tell our members from others, or not continue them.
Failures whyUseless(const ledger::Hello& hello) {
  if (hello.seesParent == 0) return {{.code = FailureCode::GuardianBlind, .pid = getpid(), .call = "pid"}};
  // Compared with those of this thread, from which it has inherited its own: a change of the user reaches the threads
  // one after the other.
  if ((capabilities::effective() & capabilities::relevant() & ~hello.capabilities) != 0)
    return {{.code = FailureCode::GuardianWeak, .pid = getpid()}};
  // Then it compares inodes of pidfds, and needs no start time.
  if (hello.hasPidfds != 0 && pidfd::haveInodes()) return {};
  ProcessEntry own;
  if (procfs::read(getpid(), own) == 0 && own.startTime == hello.parentStartTime) return {};
  return {{.code = FailureCode::GuardianBlind, .pid = getpid(), .call = "time"}};
}

Failures whyNotSpawned(const std::string& program, int error, int status) {
  Failures why;
  if (error == ENOENT || error == ENOTDIR)
    why = {{.code = FailureCode::GuardianMissing, .error = error, .call = "posix_spawn"}};
  else if (error != 0)
    why = failed("posix_spawn", error);
  else if (WIFEXITED(status) && WEXITSTATUS(status) == ledger::kOtherVersion)
    why = failed("version", 0);
  // Any other error is not about this program: there may be too many processes, for example.
  const bool isOfProgram = error == 0 || error == EACCES || error == ENOENT || error == ENOTDIR;
  if (!why.empty() && isOfProgram) why.front().path = program;
  return why;
}

}  // namespace

FileDescriptor aside(FileDescriptor file) noexcept {
  constexpr int kLowest = 10;
  return FileDescriptor(file.isOpen() ? fcntl(file.get(), F_DUPFD_CLOEXEC, kLowest) : -1);
}

Run startProgram(const std::string& program, int ledgerFd) {
  Run run;
  std::array<int, 2> ends{-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    run.why = failed("socketpair", errno);
    return run;
  }
  run.socket = aside(FileDescriptor(ends[0]));
  FileDescriptor theirSocket = aside(FileDescriptor(ends[1]));
  FileDescriptor parent = aside(FileDescriptor(pidfd::open(getpid())));
  capabilities::passOn();
  int status = 0;
  const bool hasSocket = run.socket.isOpen() && theirSocket.isOpen();
  const int error = hasSocket ? spawn(program, {theirSocket.get(), ledgerFd, parent.get()}, status) : EMFILE;
  // Before the wait: the program then has the only other end of the socket, which tells of its death.
  theirSocket.reset();
  parent.reset();
  run.why = whyNotSpawned(program, error, status);
  ledger::Hello hello;
  if (!run.why.empty()) return run;
  if (!waitFor(run.socket.get(), Clock::now() + kLongestStart) ||
      recv(run.socket.get(), &hello, sizeof hello, MSG_DONTWAIT) != sizeof hello) {
    // It was ended before it was ready, for example by a seccomp filter. Or the machine is overloaded, and then it ends
    // itself.
    run.why = failed("recv", 0);
    return run;
  }
  // In another pid namespace that number belongs to another process here.
  if (hello.seesParent != 0) run.handle = aside(FileDescriptor(pidfd::open(hello.pid)));
  run.pid = hello.pid;
  run.why = whyUseless(hello);
  if (run.why.empty()) run.why = whyNotThawed(ledgerFd);
  return run;
}

void retire(Run& run) noexcept {
  if (!run.socket.isOpen()) return;
  constexpr ledger::Order kOrder{.kind = ledger::Order::kRetire};
  send(run.socket.get(), &kOrder, sizeof kOrder, MSG_NOSIGNAL | MSG_DONTWAIT);
  reap(run);
}

void changeUser(const Run& run) noexcept {
  ledger::Order order{.kind = ledger::Order::kChangeUser};
  auto& [user, effectiveUser, savedUser] = order.users;
  auto& [group, effectiveGroup, savedGroup] = order.groups;
  getresuid(&user, &effectiveUser, &savedUser);
  getresgid(&group, &effectiveGroup, &savedGroup);
  // -1 where there are more than there is room for: then the guardian gives up all of them.
  const int count = getgroups(static_cast<int>(order.others.size()), order.others.data());
  order.otherCount = static_cast<std::uint32_t>(std::max(0, count));
  send(run.socket.get(), &order, sizeof order, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void reap(Run& run) noexcept {
  run.socket.reset();
  if (!run.handle.isOpen()) return;
  // ECHILD where it is not our child. Not by its pid, which another child of ours may have by now.
  constexpr auto kPidfd = static_cast<idtype_t>(3);  // P_PIDFD, which older C libraries do not have
  if (waitFor(run.handle.get(), Clock::now() + kLongestEnd))
    waitid(kPidfd, static_cast<id_t>(run.handle.get()), nullptr, WEXITED | WNOHANG);
  run.handle.reset();
}

}  // namespace freeze_state::guardian

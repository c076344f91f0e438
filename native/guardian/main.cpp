// The guardian of one emulator: it sleeps until that process has died, continues what it had stopped, kills what was to
// end with it, and ends. It is started by native/core/os/linux/guardian_program.cpp, which hands over its descriptors
// (ledger_layout.h). docs/guardian.md says what it does and why.
//
// The emulator's death is told by two things. The end of the socket comes first: a thread of the emulator holds the
// only other end, in a table of descriptors of its own, which is closed before the memory is freed. But the end comes
// also when the emulator calls execve(2), and a thread that is just being ended may send one more stop after it. The
// pidfd tells that all threads have ended, 0.2 s later where there is much memory to free. Where it stays silent, /proc
// tells which threads have not noticed their end.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "../core/os/linux/ledger_layout.h"
#include "end.h"
#include "records.h"
#include "system.h"
#include "thaw.h"

namespace freeze_state::guardian {

namespace {

using ledger::kParentFd;
using ledger::kSocketFd;

/// How many milliseconds the pidfd may take after the end of the socket. Where it stays silent, the emulator has called
/// execve(2), or frees gigabytes, or has a thread that waits for a processor.
constexpr int kSilence = 50;

/// How many milliseconds the guardian waits for such a thread. An ordinary thread gets to run within a second:
/// real-time classes leave that much (sched(7), sched_rt_runtime_us), and no period of cpu.max is longer. This is ten
/// times that, for as many threads that share a small quota. A thread that waits longer is suspended, and not in a
/// system call.
constexpr int kLongestDying = 10'000;

bool hasParentFd() { return fcntl(kParentFd, F_GETFD) >= 0; }

/// Tells whether the guarded process has that number for us, too, and what /proc says of it here.
ledger::Hello greeting(int parent) {
  ledger::Hello hello{.pid = getpid(), .capabilities = effectiveCapabilities()};
  ProcessStat stat;
  if (readStat(parent, stat)) hello.parentStartTime = stat.startTime;
  const int fd = openPidfd(parent);
  hello.hasPidfds = fd >= 0 && hasParentFd() ? 1 : 0;
  const std::uint64_t expected = hello.hasPidfds != 0 ? inodeOf(kParentFd) : 0;
  // Without inodes that name a process, the start time tells: the emulator compares it.
  const bool isSame = expected != 0 ? inodeOf(fd) == expected : hello.parentStartTime != 0;
  hello.seesParent = isSame ? 1 : 0;
  if (fd >= 0) close(fd);
  return hello;
}

enum class Told : std::uint8_t { Nothing, Retired, SocketEnded, ParentExited };

/// Waits for news of the emulator, `timeout` milliseconds at most, and for ever if that is negative. Carries out an
/// order to change the user. Without `hasSocket` the socket is left out: its end was told already.
Told wait(int timeout, bool hasSocket) {
  std::array<pollfd, 2> fds{pollfd{hasSocket ? kSocketFd : -1, POLLIN, 0}, pollfd{kParentFd, POLLIN, 0}};
  if (!hasParentFd()) fds[1].fd = -1;
  const int ready = poll(fds.data(), fds.size(), timeout);
  if (ready <= 0) return Told::Nothing;
  if (fds[1].revents != 0) return Told::ParentExited;
  ledger::Order order;
  const ssize_t length = recv(kSocketFd, &order, sizeof order, MSG_DONTWAIT);
  if (length == sizeof order && order.kind == ledger::Order::kChangeUser) {
    keepFreezeFiles();
    const std::span others(order.others);
    changeUser(order.users, order.groups, others.first(std::min<std::size_t>(order.otherCount, others.size())));
  }
  if (length > 0) return order.kind == ledger::Order::kRetire ? Told::Retired : Told::Nothing;
  return length < 0 && errno == EAGAIN ? Told::Nothing : Told::SocketEnded;
}

/// A thread that was ended in the midst of a system call may send one more stop after the first thaw. So this thaws
/// once more when no thread is left that could. It also thaws now and then until then, since a thread may have sent a
/// stop already.
void thawUntilDead(int parent) {
  for (int waited = kSilence;; waited += kSilence) {
    const bool hasExited = wait(kSilence, false) == Told::ParentExited;
    // Asked before the thaw, so that no stop follows the last one.
    const bool isLast = hasExited || waited >= kLongestDying || !hasThreadToDie(parent);
    thaw();
    if (isLast) return;
  }
}

void guard(int parent) {
  Told told = Told::Nothing;
  while (told == Told::Nothing) told = wait(-1, true);
  if (told == Told::Retired) return;
  thaw();
  const bool isEnding = end(parent);
  if (told == Told::SocketEnded) thawUntilDead(parent);
  if (isEnding) {
    // By then what the emulator was about to start has become a program, and its environment has the tag.
    poll(nullptr, 0, kSilence);
    end(parent);
  }
  removeOwnedCgroups();
}

}  // namespace

}  // namespace freeze_state::guardian

/// The argument is the emulator's pid. Any other call is by a person who wonders what this is.
int main(int argc, char** argv) {
  using namespace freeze_state;
  const int parent = argc == 2 ? static_cast<int>(std::strtol(argv[1], nullptr, 10)) : 0;
  std::uint32_t version = 0;
  const bool hasLedger = pread(ledger::kLedgerFd, &version, sizeof version, 0) == sizeof version;
  if (parent <= 0 || !hasLedger) {
    constexpr std::string_view kUsage =
        "This program is started by freeze-state, and guards the process that did it.\n";
    return write(STDERR_FILENO, kUsage.data(), kUsage.size()) < 0 ? 1 : 2;
  }
  if (version != ledger::kVersion) return ledger::kOtherVersion;
  // The emulator waits for the first process, and knows nothing of the second.
  if (const pid_t child = fork(); child != 0) _exit(child < 0 ? 1 : 0);
  setsid();
  if (chdir("/") != 0) return 1;
  guardian::dropStandardDescriptors();
  guardian::closeFrom(ledger::kParentFd + 1);
  guardian::avoidOutOfMemory();
  guardian::touchMemory();
  const ledger::Hello hello = guardian::greeting(parent);
  // If the emulator has died by now, no process reads it. There may still be something to continue.
  send(ledger::kSocketFd, &hello, sizeof hello, MSG_NOSIGNAL);
  guardian::guard(parent);
  return 0;
}

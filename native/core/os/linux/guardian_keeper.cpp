#include "guardian_keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>

#include "../../deadline.h"
#include "guardian_program.h"
#include "kept_descriptors.h"
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

/// Holds back every signal to this thread, also those that a C library keeps for itself, which pthread_sigmask(3) does
/// not hold back.
class HeldSignals {
 public:
  HeldSignals() noexcept {
    constexpr std::uint64_t kAll = ~std::uint64_t{0};
    // The mask that the thread was started with, for where the call is denied.
    sigfillset(&before_);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &kAll, &before_, sizeof kAll);
  }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals() { syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, sizeof(std::uint64_t)); }

  /// What was held back before.
  const sigset_t* before() const noexcept { return &before_; }

 private:
  sigset_t before_;
};

/// Closes all descriptors of this thread from that number on. Where /proc can tell, it goes up to the highest and not
/// to the limit, which may be a billion.
void closeFrom(int first) noexcept {
  Pid highest = -1;
  {
    procfs::Numbers open("/proc/thread-self/fd");
    for (Pid fd = 0; open.next(fd);) highest = std::max(highest, fd);
  }
  if (highest < 0) highest = static_cast<int>(sysconf(_SC_OPEN_MAX));
  for (int fd = highest; fd >= first; --fd) close(fd);
}

/// Gives this thread a table of descriptors of its own, with only the given one in it. What is open there is closed
/// when this process ends, even if a child from fork(2) in another thread lives on: that child has a copy of the other
/// thread's table. A process that waits for the end of our standard output does not wait for the keeper either. Some
/// seccomp filters forbid one of the two calls, some the other. Where both are forbidden, such a child may hide our
/// death from the guardian for as long as it lives; the pidfd then tells of it, later.
bool unshareDescriptors(int kept) noexcept {
  const auto above = static_cast<unsigned>(kept) + 1;
  if (syscall(SYS_close_range, above, ~0U, CLOSE_RANGE_UNSHARE) != 0) {
    if (unshare(CLONE_FILES) != 0) return false;
    // Linux before 5.9 does not know the call at all.
    closeFrom(kept + 1);
  }
  for (int fd = 0; fd < kept; ++fd) close(fd);
  return true;
}

void occupyStandardDescriptors() noexcept {
  while (true) {
    const int fd = open("/dev/null", O_RDWR);
    if (fd < 0) return;
    if (fd > STDERR_FILENO) {
      close(fd);
      return;
    }
  }
}

/// What has ended a wait.
enum class Told : std::uint8_t { GuardianEnded, UserChanged, TimeOver };

class Keeper {
 public:
  explicit Keeper(const KeeperOrders& orders) noexcept : orders_(orders) {}

  /// Allocates nothing where all goes well: the C library would reserve an arena for this thread.
  [[noreturn]] void run() {
    if (unshareDescriptors(orders_.ledgerFd)) {
      kept_descriptors::noteOwnTable();
      occupyStandardDescriptors();
    }
    ledger_ = aside(FileDescriptor(orders_.ledgerFd));
    milliseconds pause(0);
    for (;;) {
      const auto begin = Clock::now();
      // A guardian that was killed is replaced at once, and one that is killed again and again is replaced ever later.
      // After a change of the user the pause is short, however often the user changes.
      const milliseconds longest = keepOne() == Told::GuardianEnded ? kLongestPause : kLongestLag;
      const bool hasLasted = Clock::now() - begin > longest;
      pause = hasLasted ? milliseconds(0) : std::min(longest, pause * 2 + kFirstPause);
      if (pause > kFirstPause) std::this_thread::sleep_for(pause);
    }
  }

 private:
  static constexpr milliseconds kFirstPause{1};
  static constexpr milliseconds kLongestLag{100};
  static constexpr seconds kLongestPause{10};

  /// Starts a guardian, and keeps it until it ends, or has another user than we have. The old guardian guards until the
  /// new one is ready. Where the new one fails, the old one stays, if there is one, and another start is tried after a
  /// while.
  Told keepOne() {
    const Credentials credentials = Credentials::current();
    Run next = startProgram(orders_.program, ledger_.get());
    Failures why = std::move(next.why);
    const bool isFit = why.empty();
    // A new guardian that may not thaw some control group is better than none. The old one can thaw it, since it opens
    // the file before it takes on the new user.
    const bool isTaken = isFit || (!guardian_.socket.isOpen() && why.front().code == FailureCode::GuardianDenied);
    retire(isTaken ? guardian_ : next);
    if (isTaken)
      guardian_ = std::move(next);
    else if (guardian_.socket.isOpen())
      changeUser(guardian_);
    orders_.tell(guardian_.socket.isOpen() ? guardian_.pid : 0, std::move(why));
    const Told told = wait(credentials, isFit ? std::nullopt : std::optional(kLongestPause));
    if (told != Told::GuardianEnded) return told;
    orders_.tell(0, {});
    reap(guardian_);
    return told;
  }

  /// Waits until the guardian has ended, our credentials are not these any more, or the time is over.
  Told wait(const Credentials& credentials, std::optional<seconds> time) const noexcept {
    const auto begin = Clock::now();
    const timespec limit{.tv_sec = time.value_or(seconds(0)).count(), .tv_nsec = 0};
    for (;;) {
      {
        // A C library changes the user of all threads by a signal to each (setuid(2), "C library/kernel differences"),
        // which ends the wait. The signals are held back so that none is lost between the comparison and the wait.
        const HeldSignals signals;
        if (Credentials::current() != credentials) return Told::UserChanged;
        pollfd guardian{guardian_.socket.get(), POLLIN, 0};
        const int ready = ppoll(&guardian, 1, time ? &limit : nullptr, signals.before());
        if (ready >= 0) return ready == 0 ? Told::TimeOver : Told::GuardianEnded;
        if (errno == EINTR) continue;
      }
      // A seccomp filter denies ppoll(2). Signals are not held back here, since a change of the user waits until each
      // thread has taken its signal.
      std::this_thread::sleep_for(kLongestLag);
      if (hasGuardianEnded()) return Told::GuardianEnded;
      if (time && Clock::now() - begin >= *time) return Told::TimeOver;
    }
  }

  bool hasGuardianEnded() const noexcept {
    char byte = 0;
    return guardian_.socket.isOpen() && recv(guardian_.socket.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  }

  const KeeperOrders orders_;
  FileDescriptor ledger_;  ///< its file, once the thread runs
  Run guardian_;
};

void* runKeeper(void* keeper) {
  pthread_setname_np(pthread_self(), "freeze-keeper");
  static_cast<Keeper*>(keeper)->run();
}

}  // namespace

int startKeeper(const KeeperOrders& orders) noexcept {
  pthread_attr_t attributes;
  if (const int error = pthread_attr_init(&attributes); error != 0) return error;
  constexpr std::size_t kStack = 262144;
  pthread_attr_setstacksize(&attributes, kStack);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  // Its signals are blocked, so that none of the program's handlers runs in it.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  auto* const keeper = new Keeper(orders);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread{};
  const int error = pthread_create(&thread, &attributes, runKeeper, keeper);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  // If its thread has started, that thread owns it.
  if (error != 0) delete keeper;
  return error;
}

}  // namespace freeze_state::guardian

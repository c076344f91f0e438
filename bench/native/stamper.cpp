// A program that sleeps, and writes down when it runs again after a stop:
//
//   stamper PARENT SLOT [COUNT]
//
// PARENT is the pid of the process that starts it. Its input is a file, which it maps shared. Slot SLOT of that is its
// own. With a COUNT it leads a process group, and forks a process for each of the COUNT - 1 slots behind its own. Each
// ends with the process that started it.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <span>

namespace {

/// A cache line of its own, so that those that run at the same time do not wait for each other.
struct alignas(64) Slot {
  /// Of CLOCK_MONOTONIC, in nanoseconds, when it last began to run after a stop; at first when it was ready.
  std::atomic<std::uint64_t> stamp;
  std::uint64_t pid;  ///< written before the stamp
};

std::uint64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

/// Nothing ever arrives, so it returns only when a stop is over: signal(7) has epoll_wait(2) among the calls that a
/// stop by a signal and the SIGCONT after it end with EINTR, and so does the freeze and the thaw of a control group.
[[noreturn]] void run(Slot& slot, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have ended before there was a signal for that.
  if (getppid() != parent) _exit(1);
  const int nothing = epoll_create1(EPOLL_CLOEXEC);
  slot.pid = static_cast<std::uint64_t>(getpid());
  slot.stamp = now();
  for (;;) {
    epoll_event event{};
    const int count = epoll_wait(nothing, &event, 1, -1);
    slot.stamp = now();
    if (count >= 0 || errno != EINTR) _exit(1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const auto parent = static_cast<pid_t>(std::strtol(argv[1], nullptr, 10));
  const std::size_t first = std::strtoul(argv[2], nullptr, 10);
  const std::size_t count = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 1;
  struct stat file{};
  if (fstat(STDIN_FILENO, &file) != 0) return 1;
  const auto size = static_cast<std::size_t>(file.st_size);
  void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, STDIN_FILENO, 0);
  if (memory == MAP_FAILED || (first + count) * sizeof(Slot) > size) return 1;
  const std::span slots(static_cast<Slot*>(memory), size / sizeof(Slot));
  if (argc > 3) setpgid(0, 0);
  const pid_t self = getpid();
  for (std::size_t i = 1; i < count; ++i) {
    const pid_t child = fork();
    if (child == 0) run(slots[first + i], self);
    if (child < 0) {
      std::perror("stamper: fork");
      return 1;  // which ends those that it has forked
    }
  }
  run(slots[first], parent);
}

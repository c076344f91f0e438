#include "held_thread.h"

#include <doctest/doctest.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ctime>

#include "../../core/os/linux/procfs.h"
#include "wait_until.h"

namespace freeze_state::test {

namespace {

constexpr int kHoldSignal = SIGUSR2;

// Lock-free, so a signal handler may use them.
std::atomic<bool> isHeld{false};
std::atomic<bool> mayResume{true};

void blockInHandler(int) {
  isHeld.store(true);
  const timespec moment{0, 100'000};
  while (!mayResume.load()) nanosleep(&moment, nullptr);
  isHeld.store(false);
}

}  // namespace

bool HeldThread::isPossible() {
#ifdef __has_feature
  constexpr bool kHasThreadSanitizer = __has_feature(thread_sanitizer);
#elif defined(__SANITIZE_THREAD__)
  constexpr bool kHasThreadSanitizer = true;
#else
  constexpr bool kHasThreadSanitizer = false;
#endif
  if (kHasThreadSanitizer) MESSAGE("skipped: the thread sanitizer puts off signals");
  return !kHasThreadSanitizer;
}

HeldThread::HeldThread(std::function<void()> body)
    : thread_([this, body = std::move(body)] {
        id_ = gettid();
        body();
      }) {
  struct sigaction action{};
  action.sa_handler = blockInHandler;
  action.sa_flags = SA_RESTART;
  sigaction(kHoldSignal, &action, nullptr);
}

HeldThread::~HeldThread() {
  resume();
  join();
}

bool HeldThread::comesToSleep() const {
  ProcessEntry stat;
  return waitUntil([&] { return id_ != 0 && procfs::read(id_, stat) == 0 && stat.state == 'S'; });
}

bool HeldThread::hold() {
  mayResume.store(false);
  if (pthread_kill(thread_.native_handle(), kHoldSignal) != 0) return false;
  return waitUntil([] { return isHeld.load(); });
}

void HeldThread::resume() noexcept { mayResume.store(true); }

void HeldThread::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace freeze_state::test

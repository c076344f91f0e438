#include "../condition.h"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <chrono>

namespace freeze_state {

namespace {

/// As much as `time_t` and each system take; who waits longer asks again.
constexpr std::chrono::nanoseconds kLongest = std::chrono::hours(24);

timespec timespecOf(std::chrono::nanoseconds time) noexcept {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  timespec result{};
  result.tv_sec = static_cast<time_t>(seconds.count());
  result.tv_nsec = static_cast<long>((time - seconds).count());
  return result;
}

}  // namespace

struct Condition::Native {
  pthread_cond_t condition;

  /// None of these fails on Linux or macOS with such arguments: neither keeps anything outside of the object.
  Native() noexcept {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
#ifndef __APPLE__
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
#endif
    pthread_cond_init(&condition, &attributes);
    pthread_condattr_destroy(&attributes);
  }
  ~Native() { pthread_cond_destroy(&condition); }
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;
};

Condition::Condition() : native_(std::make_unique<Native>()) {}

Condition::~Condition() = default;

void Condition::notifyAll() noexcept { pthread_cond_broadcast(&native_->condition); }

void Condition::wait(std::unique_lock<std::mutex>& lock, Deadline until) noexcept {
  const auto left = std::min<std::chrono::nanoseconds>(until - Clock::now(), kLongest);
  pthread_mutex_t* const mutex = lock.mutex()->native_handle();
#ifdef __APPLE__
  // It has no pthread_condattr_setclock, but this call, which counts by the monotonic clock.
  const timespec time = timespecOf(std::max<std::chrono::nanoseconds>(left, std::chrono::nanoseconds(0)));
  pthread_cond_timedwait_relative_np(&native_->condition, mutex, &time);
#else
  const timespec time = timespecOf(Clock::now().time_since_epoch() + left);
  pthread_cond_timedwait(&native_->condition, mutex, &time);
#endif
}

}  // namespace freeze_state

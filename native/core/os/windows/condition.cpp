#include "../condition.h"

#include <condition_variable>

namespace freeze_state {

struct Condition::Native {
  std::condition_variable condition;
};

Condition::Condition() : native_(std::make_unique<Native>()) {}

Condition::~Condition() = default;

void Condition::notifyAll() noexcept { native_->condition.notify_all(); }

void Condition::wait(std::unique_lock<std::mutex>& lock, Deadline until) noexcept {
  native_->condition.wait_until(lock, until);
}

}  // namespace freeze_state

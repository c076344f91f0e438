#include <chrono>
#include <thread>

#include "processor.h"

namespace freeze_state::processor {

// For systems where a thread is not bound to processors, or where we do not ask.
bool isAnotherAvailable() noexcept { return std::thread::hardware_concurrency() != 1; }

void sleepBriefly(std::chrono::nanoseconds worked) noexcept { std::this_thread::sleep_for(restAfter(worked)); }

}  // namespace freeze_state::processor

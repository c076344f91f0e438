#include <chrono>
#include <thread>

#include "processor.h"

namespace freeze_state::processor {

// For systems where a thread is not bound to processors, or where we do not ask.
bool isAnotherAvailable() noexcept { return std::thread::hardware_concurrency() != 1; }

void sleepBriefly() noexcept { std::this_thread::sleep_for(std::chrono::microseconds(20)); }

}  // namespace freeze_state::processor

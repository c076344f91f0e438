#include <thread>

#include "processor.h"

namespace freeze_state::processor {

// For systems where a thread is not bound to processors, or where we do not ask.
bool isAnotherAvailable() noexcept { return std::thread::hardware_concurrency() != 1; }

}  // namespace freeze_state::processor

#pragma once

#include <algorithm>
#include <chrono>

/// What a thread that polls memory has to know of processors, and tells its own.
namespace freeze_state::processor {

/// How long `sleepBriefly` sleeps after so much work.
constexpr std::chrono::nanoseconds restAfter(std::chrono::nanoseconds worked) noexcept {
  return std::clamp<std::chrono::nanoseconds>(worked, std::chrono::microseconds(20), std::chrono::microseconds(50));
}

/// Tells the processor that the calling thread is polling, and waits for as long as it takes: some 2 to 50 ns. The
/// processor saves power meanwhile, and a thread that shares its core runs faster.
void pause() noexcept;

/// Whether another thread can run while the calling one polls: false where this thread may use one processor only, and
/// the main thread none but the same. The main thread is asked since a thread that polls may have been given a
/// processor of its own. True where the system does not tell.
bool isAnotherAvailable() noexcept;

/// Sleeps, so that what waits for the processor of the calling thread runs. To yield is not enough: the scheduler goes
/// on with a thread that has had less time than the others. `worked` is how long the thread has worked since the last
/// sleep; it sleeps for as long, or else the work would take most of the processor, but for 20 to 50 microseconds.
void sleepBriefly(std::chrono::nanoseconds worked) noexcept;

}  // namespace freeze_state::processor

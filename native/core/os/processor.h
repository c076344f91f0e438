#pragma once

/// What a thread that polls memory has to know of processors, and tells its own.
namespace freeze_state::processor {

/// Tells the processor that the calling thread is polling, and waits for as long as it takes: some 2 to 50 ns. The
/// processor saves power meanwhile, and a thread that shares its core runs faster.
void pause() noexcept;

/// Whether another thread can run while the calling one polls: false where this thread may use one processor only, and
/// the main thread none but the same. The main thread is asked since a thread that polls may have been given a
/// processor of its own. True where the system does not tell.
bool isAnotherAvailable() noexcept;

/// Sleeps for some 20 microseconds, so that what waits for the processor of the calling thread runs. To yield is not
/// enough: the scheduler goes on with a thread that has had less time than the others.
void sleepBriefly() noexcept;

}  // namespace freeze_state::processor

#pragma once

#include <cstdint>
#include <memory>

namespace freeze_state {

class FreezeState;

/// Every state of this process that lives, for two purposes: another thread can find the state that a handle names, and
/// what is still frozen is thawed when the process calls exit(3). On `process.exit` and after an uncaught error Node
/// runs neither finalizers nor clean-up hooks on the main thread, but exit handlers do run (atexit(3)).
namespace live_states {

/// An id for a new state: counted from 1, never given twice. Any thread.
std::uint64_t nextId() noexcept;

/// Enters the state until `leave`. False once the process is exiting: too late for a state that nothing would thaw.
bool enter(FreezeState& state);
/// Removes the state. Waits while an exit(3) thaws the states.
void leave(FreezeState& state) noexcept;

/// Lets `find` find the state from now on. For a state that is held by a `shared_ptr`.
void share(FreezeState& state) noexcept;

/// The state with this id; null where it is gone, was not shared, or no such id was ever given.
std::shared_ptr<FreezeState> find(std::uint64_t id) noexcept;

/// Whether the id was given to some state, gone or not.
bool wasGiven(std::uint64_t id) noexcept;

}  // namespace live_states

}  // namespace freeze_state

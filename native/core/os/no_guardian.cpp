#include "guardian.h"

namespace freeze_state::guardian {

// For systems without pidfds, memfds and /proc: nothing tells a death in time, or one process from another.
void setProgram(std::string /*path*/) {}
Ledger* start() noexcept { return nullptr; }
Status status() { return {.pid = 0, .isStarting = false, .why = {{FailureCode::UnsupportedPlatform}}}; }
Pid pid() noexcept { return 0; }
bool isWhole() noexcept { return false; }

}  // namespace freeze_state::guardian

#pragma once

#include <string>

#include "../../core/state/freeze_state.h"

/// Results as one line of text, so that a test compares all of a result at once and a failing test shows it.
namespace freeze_state::test {

/// `PermissionDenied 102 EPERM (stopped), ...`; nothing for no failure.
std::string describe(const Failures& failures);

/// `frozen`, `not frozen`, or the failures.
std::string describe(const FreezeResult& result);

/// `found`, `not found`, or the failures.
std::string describe(const UnregisterResult& result);

/// `101 102`, or `closed`.
std::string describe(const std::optional<std::vector<Pid>>& pids);

}  // namespace freeze_state::test

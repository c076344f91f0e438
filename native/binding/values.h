#pragma once

#include <node_api.h>

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "../core/failure.h"
#include "../core/mode.h"
#include "../core/modes/freezer.h"

namespace freeze_state::binding {

/// What the core answers, as JavaScript values; lib/native.ts declares them.

/// The word as a number, see word.h; undefined where it says closed.
napi_value wordValue(napi_env env, std::uint64_t word);

/// An array of `{ code, pid, errno, syscall, isStopped, path }`. The facade makes the error.
napi_value failureValue(napi_env env, const Failures& failures);

/// A mode as lib/types.ts spells it. The facade has checked the name; any other is `None`.
const char* modeName(Mode mode);
Mode modeNamed(std::string_view name);

/// An array of numbers.
napi_value pidsValue(napi_env env, const std::vector<Pid>& pids);
/// An array of `{ pid, name?, state?, waitChannel?, isInVfork? }`: what each does now, as /proc shows it.
napi_value doingsValue(napi_env env, const std::vector<Pid>& pids);
/// An array of `{ pid, state, role, stoppedByUs, isUnguarded? }`.
napi_value statusesValue(napi_env env, const std::vector<MemberStatus>& statuses);

}  // namespace freeze_state::binding

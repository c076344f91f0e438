#pragma once

#include <node_api.h>

#include <cstdint>

#include "../core/failure.h"

namespace freeze_state::binding {

/// What the core answers, as JavaScript values; lib/native.ts declares them.

/// The word as a number, see word.h; undefined where it says closed.
napi_value wordValue(napi_env env, std::uint64_t word);

/// An array of `{ code, pid, errno, syscall, isStopped }`. The facade makes the error.
napi_value failureValue(napi_env env, const Failures& failures);

}  // namespace freeze_state::binding

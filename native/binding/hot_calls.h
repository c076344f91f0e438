#pragma once

#include <node_api.h>

#include <memory>

#include "attachment.h"

namespace freeze_state::binding {

/// Gives `target` the calls that a busy emulator makes all the time, as functions bound to this very state:
/// `freezeAtEpoch`, `unfreeze`, `hold`, `release` and `word`. They are plain N-API callbacks, which cost a quarter of a
/// class method. They find the state through their data pointer and use no receiver, which could be the wrong one. Each
/// keeps the attachment alive, and so the state.
///
/// What they answer is declared in lib/native.ts.
void defineHotCalls(napi_env env, napi_value target, const std::shared_ptr<Attachment>& attachment);

}  // namespace freeze_state::binding

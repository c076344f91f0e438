#pragma once

#include <napi.h>

namespace freeze_state::binding {

/// What one environment keeps; the main thread and each worker have their own.
struct Environment {
  Napi::FunctionReference stateHandle;
  Napi::FunctionReference confirmationHandle;

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
};

}  // namespace freeze_state::binding

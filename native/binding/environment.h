#pragma once

#include <napi.h>

namespace freeze_state::binding {

/// What one environment keeps; the main thread and each worker have their own.
struct Environment {
  Napi::FunctionReference stateHandle;
  Napi::FunctionReference exitWatchHandle;
  Napi::FunctionReference reportPipeHandle;

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
};

/// Whether Node has refused to tie a new native object to its JavaScript object, as it does once its thread is being
/// ended. Such an object is never freed, so it must own nothing: a share of an attachment would keep the holds of that
/// attachment for good.
template <typename T>
bool wasRefused(const Napi::ObjectWrap<T>& made) {
  return made.IsEmpty();
}

}  // namespace freeze_state::binding

#include "exit_watch_handle.h"

#include <cstdint>
#include <vector>

#include "environment.h"

namespace freeze_state::binding {

Napi::Function ExitWatchHandle::define(Napi::Env env) {
  return DefineClass(env, "ExitWatchHandle", {InstanceMethod<&ExitWatchHandle::stop>("stop")});
}

Napi::Value ExitWatchHandle::begin(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object made = Environment::of(env).exitWatchHandle.New({info[0], info[1]});
  if (made.IsEmpty()) return env.Undefined();
  if (Unwrap(made)->watch_ == nullptr) return env.Undefined();
  return made;
}

/// Called by `begin`. The constructor is not given to JavaScript, but JavaScript can reach it from each handle, so it
/// checks its arguments.
ExitWatchHandle::ExitWatchHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<ExitWatchHandle>(info), env_(info.Env()) {
  if (!info[0].IsArray() || !info[1].IsFunction() || wasRefused(*this)) return;
  const auto list = info[0].As<Napi::Array>();
  std::vector<Pid> pids;
  pids.reserve(list.Length());
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    pids.push_back(Napi::Value(list[i]).As<Napi::Number>().Int32Value());
  }
  napi_value name = Napi::String::New(env_, "freeze-state:exits");
  if (napi_create_threadsafe_function(env_, info[1], nullptr, name, 0, 1, nullptr, nullptr, nullptr, nullptr,
                                      &allGone_) != napi_ok) {
    allGone_ = nullptr;
    return;
  }
  napi_add_env_cleanup_hook(env_, atCleanup, this);
  watch_ = ExitWatch::begin(pids,
                            [wake = allGone_] { napi_call_threadsafe_function(wake, nullptr, napi_tsfn_nonblocking); });
  if (watch_ == nullptr) end();
}

Napi::Value ExitWatchHandle::stop(const Napi::CallbackInfo& info) {
  end();
  return info.Env().Undefined();
}

void ExitWatchHandle::end() noexcept {
  if (allGone_ == nullptr) return;
  napi_remove_env_cleanup_hook(env_, atCleanup, this);
  // Once the watch is gone no thread calls the function.
  watch_.reset();
  napi_release_threadsafe_function(allGone_, napi_tsfn_abort);
  allGone_ = nullptr;
}

}  // namespace freeze_state::binding

#pragma once

#include <napi.h>

#include <memory>

#include "../core/os/exit_watch.h"

namespace freeze_state::binding {

/// A watch as JavaScript has it. It ends with `stop`, and with its thread's environment.
class ExitWatchHandle final : public Napi::ObjectWrap<ExitWatchHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  /// `(pids, allGone)`: a handle, or undefined where the system cannot tell. `allGone` is called in a turn of the event
  /// loop, which the watch keeps alive until it ends.
  static Napi::Value begin(const Napi::CallbackInfo& info);

  explicit ExitWatchHandle(const Napi::CallbackInfo& info);
  ExitWatchHandle(const ExitWatchHandle&) = delete;
  ExitWatchHandle& operator=(const ExitWatchHandle&) = delete;
  ~ExitWatchHandle() override { end(); }

 private:
  Napi::Value stop(const Napi::CallbackInfo& info);
  void end() noexcept;
  static void atCleanup(void* self) { static_cast<ExitWatchHandle*>(self)->end(); }

  napi_env env_ = nullptr;
  /// Node closes it at the end of the environment. The clean-up hook, added later than Node's own and so run earlier,
  /// ends the watch before.
  napi_threadsafe_function allGone_ = nullptr;
  std::unique_ptr<ExitWatch> watch_;
};

}  // namespace freeze_state::binding

#pragma once

#include <napi.h>

#include <memory>

#include "../core/os/report_pipe.h"

namespace freeze_state::binding {

/// A pipe as JavaScript has it. What it owns is closed by `close`, and with its thread's environment.
class ReportPipeHandle final : public Napi::ObjectWrap<ReportPipeHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  /// A handle, or undefined where there is no pipe.
  static Napi::Value open(const Napi::CallbackInfo& info);

  explicit ReportPipeHandle(const Napi::CallbackInfo& info);

 private:
  Napi::Value reader(const Napi::CallbackInfo& info);
  Napi::Value writer(const Napi::CallbackInfo& info);
  Napi::Value read(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  std::unique_ptr<ReportPipe> pipe_;
};

}  // namespace freeze_state::binding

#include <napi.h>

#include <atomic>
#include <sstream>
#include <string>
#include <utility>

#include "../core/os/child_stops.h"
#include "../core/os/guardian.h"
#include "../core/os/own_file.h"
#include "../core/os/process_control.h"
#include "../core/os/program_file.h"
#include "../core/os/signal_loop.h"
#include "../core/platform/platform.h"
#include "../core/process_token.h"
#include "../core/state/live_states.h"
#include "environment.h"
#include "exit_watch_handle.h"
#include "report_pipe_handle.h"
#include "state_handle.h"
#include "values.h"

namespace freeze_state::binding {

namespace {

Napi::Value capabilities(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("signalling", systemControl().name());
  result.Set("boost", SignalLoop::canBoost());
  const Napi::Object modes = Napi::Object::New(info.Env());
  for (const Mode mode : kAllModes) {
    modes.Set(modeName(mode), Napi::Value(info.Env(), failureValue(info.Env(), whyNotMode(mode))));
  }
  result.Set("modes", modes);
  return result;
}

/// `{ pid?, isStarting, failures }`: see `guardian::Status`.
Napi::Value guardianStatus(const Napi::CallbackInfo& info) {
  const guardian::Status status = guardian::status();
  Napi::Object result = Napi::Object::New(info.Env());
  if (status.pid != 0) result.Set("pid", status.pid);
  result.Set("isStarting", status.isStarting);
  result.Set("failures", Napi::Value(info.Env(), failureValue(info.Env(), status.why)));
  return result;
}

/// `(subject)`: whether this is the first call for the subject in this process. JavaScript cannot tell, since each
/// thread has its own.
Napi::Value isFirstWarning(const Napi::CallbackInfo& info) {
  static std::atomic<bool> isTold{false};
  static std::atomic<bool> isToldOfKill{false};
  const bool isOfKill = info[0].As<Napi::String>().Utf8Value() == "kill";
  return Napi::Boolean::New(info.Env(), !(isOfKill ? isToldOfKill : isTold).exchange(true));
}

Napi::Value childStopNotices(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), child_stops::areWanted());
}

Napi::Value setChildStopNotices(const Napi::CallbackInfo& info) {
  child_stops::want(info[0].As<Napi::Boolean>());
  return info.Env().Undefined();
}

/// `(path)`: the guardian's program, which lies beside the addon.
Napi::Value setGuardianProgram(const Napi::CallbackInfo& info) {
  guardian::setProgram(info[0].As<Napi::String>());
  return info.Env().Undefined();
}

/// `(path)`: see `freeze_state::executableMode`.
Napi::Value executableMode(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  return Napi::Number::New(info.Env(), freeze_state::executableMode(path.c_str()));
}

std::string processToken() {
  std::ostringstream text;
  text << std::hex << freeze_state::processToken();
  return text.str();
}

/// `(token, id)` of a handle: a `StateHandle`, or why there is none, in a word.
Napi::Value attach(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info[0].As<Napi::String>().Utf8Value() != processToken()) return Napi::String::New(env, "foreign");
  const auto id = static_cast<std::uint64_t>(info[1].As<Napi::Number>().Int64Value());
  if (!live_states::wasGiven(id)) return Napi::String::New(env, "unknown");
  auto state = live_states::find(id);
  if (!state) return Napi::String::New(env, "gone");
  return StateHandle::attach(env, std::move(state));
}

/// Called once per environment.
Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  auto* const own =
      new Environment{Napi::Persistent(StateHandle::define(env)), Napi::Persistent(ExitWatchHandle::define(env)),
                      Napi::Persistent(ReportPipeHandle::define(env))};
  env.SetInstanceData(own);
  exports.Set("StateHandle", own->stateHandle.Value());
  exports.Set("processToken", processToken());
  exports.Set("file", ownFile());
  exports.Set("make", Napi::Function::New<StateHandle::make>(env, "make"));
  exports.Set("attach", Napi::Function::New<attach>(env, "attach"));
  exports.Set("watchExits", Napi::Function::New<ExitWatchHandle::begin>(env, "watchExits"));
  exports.Set("openReportPipe", Napi::Function::New<ReportPipeHandle::open>(env, "openReportPipe"));
  exports.Set("executableMode", Napi::Function::New<executableMode>(env, "executableMode"));
  exports.Set("guardian", Napi::Function::New<guardianStatus>(env, "guardian"));
  exports.Set("isFirstWarning", Napi::Function::New<isFirstWarning>(env, "isFirstWarning"));
  exports.Set("childStopNotices", Napi::Function::New<childStopNotices>(env, "childStopNotices"));
  exports.Set("setChildStopNotices", Napi::Function::New<setChildStopNotices>(env, "setChildStopNotices"));
  exports.Set("setGuardianProgram", Napi::Function::New<setGuardianProgram>(env, "setGuardianProgram"));
  exports.Set("capabilities", Napi::Function::New<capabilities>(env, "capabilities"));
  return exports;
}

}  // namespace

}  // namespace freeze_state::binding

using freeze_state::binding::initialize;
NODE_API_MODULE(freeze_state, initialize)

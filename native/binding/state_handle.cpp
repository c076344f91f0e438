#include "state_handle.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "../core/platform/platform.h"
#include "environment.h"
#include "hot_calls.h"
#include "values.h"

namespace freeze_state::binding {

namespace {

/// The value as a pid; `kNotAPid` for anything that is not a whole number.
std::int64_t pidOf(const Napi::Value& value) {
  if (!value.IsNumber()) return kNotAPid;
  const double number = value.As<Napi::Number>().DoubleValue();
  if (std::trunc(number) != number || std::isinf(number)) return kNotAPid;
  // Still beyond any pid, and within 64 bits.
  constexpr double kBeyondAnyPid = 1e15;
  return static_cast<std::int64_t>(std::clamp(number, -kBeyondAnyPid, kBeyondAnyPid));
}

Napi::Value undefinedOr(Napi::Env env, const Failures& failures) {
  return failures.empty() ? env.Undefined() : Napi::Value(env, failureValue(env, failures));
}

/// A thread that Node wants to end, by `worker.terminate()` or because the process exits, may not call into JavaScript
/// any more. Node-API cannot be asked about that, but it refuses such calls. So this makes one that does nothing.
class EndOfThread final : public Interruption {
 public:
  explicit EndOfThread(napi_env env) : env_(env) {}
  /// Too short for a person who ends a program to notice.
  std::chrono::milliseconds interval() const noexcept override { return std::chrono::milliseconds(20); }
  bool isInterrupted() noexcept override {
    const Napi::HandleScope scope(env_);
    napi_value undefined = nullptr;
    napi_value boolean = nullptr;
    napi_get_undefined(env_, &undefined);
    return napi_coerce_to_bool(env_, undefined, &boolean) != napi_ok;
  }

 private:
  napi_env env_;
};

}  // namespace

Napi::Function StateHandle::define(Napi::Env env) {
  return DefineClass(env, "StateHandle",
                     {
                         InstanceMethod<&StateHandle::registerPid>("registerPid"),
                         InstanceMethod<&StateHandle::registerPids>("registerPids"),
                         InstanceMethod<&StateHandle::unregisterPid>("unregisterPid"),
                         InstanceMethod<&StateHandle::forceUnfreeze>("forceUnfreeze"),
                         InstanceMethod<&StateHandle::close>("close"),
                         InstanceMethod<&StateHandle::pids>("pids"),
                         InstanceMethod<&StateHandle::mode>("mode"),
                         InstanceMethod<&StateHandle::cgroup>("cgroup"),
                         InstanceMethod<&StateHandle::inspect>("inspect"),
                         InstanceMethod<&StateHandle::stepConfirmation>("stepConfirmation"),
                         InstanceMethod<&StateHandle::confirmationPending>("confirmationPending"),
                         InstanceMethod<&StateHandle::rollBackConfirmation>("rollBackConfirmation"),
                         InstanceMethod<&StateHandle::confirmationReport>("confirmationReport"),
                         InstanceMethod<&StateHandle::endConfirmation>("endConfirmation"),
                         InstanceMethod<&StateHandle::share>("share"),
                         InstanceMethod<&StateHandle::holdCount>("holdCount"),
                         InstanceMethod<&StateHandle::waitForChange>("waitForChange"),
                         InstanceMethod<&StateHandle::listen>("listen"),
                         InstanceMethod<&StateHandle::unlisten>("unlisten"),
                         InstanceMethod<&StateHandle::keepAlive>("keepAlive"),
                     });
}

Napi::Value StateHandle::attach(Napi::Env env, std::shared_ptr<FreezeState> state) {
  return Environment::of(env).stateHandle.New({Napi::External<std::shared_ptr<FreezeState>>::New(env, &state)});
}

/// Arguments are read, here and below, and not coerced: the facade gives them their types, and while its thread is
/// being ended Node refuses to coerce, which leaves nothing to read.
Napi::Value StateHandle::make(const Napi::CallbackInfo& info) {
  const Mode mode = modeNamed(info[0].As<Napi::String>().Utf8Value());
  LoopOptions options;
  options.boost = info[1].As<Napi::Boolean>();
  CgroupPlace cgroup;
  if (info[2].IsString()) cgroup.path = info[2].As<Napi::String>().Utf8Value();
  if (info[3].IsString()) cgroup.parent = info[3].As<Napi::String>().Utf8Value();
  const bool isGuarded = info[4].As<Napi::Boolean>();
  // The tag marks the processes that are to end with us.
  const bool isEnding = info[5].IsString();
  const std::string tag = isEnding ? info[5].As<Napi::String>().Utf8Value() : std::string();
  const OnDeath otherwise = isGuarded ? OnDeath::Thaw : OnDeath::Nothing;
  const OnDeath onDeath = isEnding ? OnDeath::End : otherwise;
  FreezerResult made = makeFreezer(mode, options, cgroup, onDeath);
  if (!made.freezer) return {info.Env(), failureValue(info.Env(), made.failures)};
  return attach(info.Env(), std::make_shared<FreezeState>(mode, std::move(made.freezer), made.ending, tag));
}

/// Called with an external, by `attach`: JavaScript cannot make one, so it cannot call this.
StateHandle::StateHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<StateHandle>(info) {
  if (!info[0].IsExternal()) {
    Napi::TypeError::New(info.Env(), "Illegal constructor").ThrowAsJavaScriptException();
    return;
  }
  if (wasRefused(*this)) return;
  attachment_ = std::make_shared<Attachment>(*info[0].As<Napi::External<std::shared_ptr<FreezeState>>>().Data());
  confirmations_ = std::make_unique<Confirmations>(*attachment_);
  defineHotCalls(info.Env(), info.This(), attachment_);
}

Napi::Value StateHandle::registerPid(const Napi::CallbackInfo& info) {
  return undefinedOr(info.Env(), attachment_->state().registerPid(pidOf(info[0]), info[1].As<Napi::Boolean>()));
}

Napi::Value StateHandle::registerPids(const Napi::CallbackInfo& info) {
  const auto list = info[0].As<Napi::Array>();
  std::vector<std::int64_t> pids(list.Length());
  for (std::uint32_t i = 0; i < list.Length(); ++i) pids[i] = pidOf(list.Get(i));
  const RegisterResult result = attachment_->state().registerPids(pids);
  if (result.failures.empty()) return info.Env().Undefined();
  Napi::Object failed = Napi::Object::New(info.Env());
  failed.Set("failures", Napi::Value(info.Env(), failureValue(info.Env(), result.failures)));
  failed.Set("index", Napi::Number::New(info.Env(), static_cast<double>(result.failed)));
  return failed;
}

Napi::Value StateHandle::unregisterPid(const Napi::CallbackInfo& info) {
  const UnregisterResult result = attachment_->state().unregisterPid(pidOf(info[0]));
  if (!result.failures.empty()) return {info.Env(), failureValue(info.Env(), result.failures)};
  return Napi::Boolean::New(info.Env(), result.found);
}

Napi::Value StateHandle::forceUnfreeze(const Napi::CallbackInfo& info) {
  return attachment_->state().forceUnfreeze(attachment_.get())
             ? info.Env().Undefined()
             : Napi::Value(info.Env(), failureValue(info.Env(), {{FailureCode::Closed}}));
}

Napi::Value StateHandle::close(const Napi::CallbackInfo& info) {
  return undefinedOr(info.Env(), attachment_->state().close(attachment_.get()));
}

Napi::Value StateHandle::pids(const Napi::CallbackInfo& info) {
  const auto pids = attachment_->state().pids();
  return pids ? Napi::Value(info.Env(), pidsValue(info.Env(), *pids)) : info.Env().Undefined();
}

Napi::Value StateHandle::cgroup(const Napi::CallbackInfo& info) {
  const std::string directory = attachment_->state().cgroup();
  return directory.empty() ? info.Env().Undefined() : Napi::String::New(info.Env(), directory);
}

Napi::Value StateHandle::mode(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), modeName(attachment_->state().mode()));
}

Napi::Value StateHandle::inspect(const Napi::CallbackInfo& info) {
  const auto statuses = attachment_->state().inspect();
  return statuses ? Napi::Value(info.Env(), statusesValue(info.Env(), *statuses)) : info.Env().Undefined();
}

Napi::Value StateHandle::share(const Napi::CallbackInfo& info) {
  live_states::share(attachment_->state());
  return Napi::Number::New(info.Env(), static_cast<double>(attachment_->state().id()));
}

Napi::Value StateHandle::holdCount(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), attachment_->state().holdCount());
}

/// `(word, milliseconds | undefined, microseconds)`: what the caller has seen, how long to wait for anything else, and
/// for how much of that time to poll.
Napi::Value StateHandle::waitForChange(const Napi::CallbackInfo& info) {
  const std::uint64_t seen = word::fromNumber(info[0].As<Napi::Number>().DoubleValue());
  std::optional<Deadline> deadline;
  if (info[1].IsNumber()) {
    const std::chrono::duration<double, std::milli> timeout(info[1].As<Napi::Number>().DoubleValue());
    deadline = std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::nanoseconds>(timeout);
  }
  const std::chrono::duration<double, std::micro> spin(info[2].As<Napi::Number>().DoubleValue());
  EndOfThread endOfThread(info.Env());
  const std::uint64_t word = attachment_->state().waitForChange(
      seen, deadline, endOfThread, std::chrono::duration_cast<std::chrono::nanoseconds>(spin));
  return {info.Env(), wordValue(info.Env(), word)};
}

Napi::Value StateHandle::listen(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), attachment_->listen(info.Env(), info[0]));
}

Napi::Value StateHandle::unlisten(const Napi::CallbackInfo& info) {
  attachment_->unlisten();
  return info.Env().Undefined();
}

Napi::Value StateHandle::keepAlive(const Napi::CallbackInfo& info) {
  attachment_->keepAlive(info.Env(), info[0].As<Napi::Boolean>());
  return info.Env().Undefined();
}

}  // namespace freeze_state::binding

#include "confirmation_handle.h"

#include <chrono>
#include <utility>
#include <vector>

#include "environment.h"
#include "values.h"

namespace freeze_state::binding {

namespace {

const char* nameOf(Confirmation::Stage stage) {
  switch (stage) {
    case Confirmation::Stage::Freezing: return "freezing";
    case Confirmation::Stage::Stopping: return "stopping";
    case Confirmation::Stage::Stopped: return "stopped";
    case Confirmation::Stage::Passed: return "passed";
  }
  return "";
}

}  // namespace

struct ConfirmationHandle::Beginning {
  const std::shared_ptr<Attachment>& attachment;
  std::uint64_t epoch;
};

Napi::Function ConfirmationHandle::define(Napi::Env env) {
  return DefineClass(env, "ConfirmationHandle",
                     {
                         InstanceMethod<&ConfirmationHandle::step>("step"),
                         InstanceMethod<&ConfirmationHandle::pending>("pending"),
                         InstanceMethod<&ConfirmationHandle::rollBack>("rollBack"),
                         InstanceMethod<&ConfirmationHandle::report>("report"),
                     });
}

Napi::Value ConfirmationHandle::begin(Napi::Env env, const std::shared_ptr<Attachment>& attachment,
                                      std::uint64_t epoch) {
  Beginning beginning{attachment, epoch};
  return Environment::of(env).confirmationHandle.New({Napi::External<Beginning>::New(env, &beginning)});
}

/// Called with an external, by `begin`; the constructor is not given to JavaScript.
ConfirmationHandle::ConfirmationHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ConfirmationHandle>(info) {
  if (!info[0].IsExternal()) {
    Napi::TypeError::New(info.Env(), "Illegal constructor").ThrowAsJavaScriptException();
    return;
  }
  if (wasRefused(*this)) return;
  const Beginning& beginning = *info[0].As<Napi::External<Beginning>>().Data();
  attachment_ = beginning.attachment;
  confirmation_ =
      std::make_unique<Confirmation>(attachment_->state().shared_from_this(), beginning.epoch, attachment_.get());
}

/// `(microseconds)`: how far it has come, or the failures.
Napi::Value ConfirmationHandle::step(const Napi::CallbackInfo& info) {
  const std::chrono::microseconds limit(info[0].As<Napi::Number>().Int64Value());
  const auto [stage, step] = confirmation_->step(std::chrono::steady_clock::now() + limit);
  if (step.hasFailed()) return {info.Env(), failureValue(info.Env(), step.failures)};
  const Napi::Object progress = Napi::Object::New(info.Env());
  progress.Set("stage", nameOf(stage));
  progress.Set("isBlocked", step.kind == Step::Kind::Blocked);
  return progress;
}

Napi::Value ConfirmationHandle::pending(const Napi::CallbackInfo& info) {
  const auto pids = confirmation_->pending();
  return pids ? Napi::Value(info.Env(), doingsValue(info.Env(), *pids)) : info.Env().Undefined();
}

/// `(onlyOwn)`: whether it was this call that thawed, or the failures.
Napi::Value ConfirmationHandle::rollBack(const Napi::CallbackInfo& info) {
  const bool onlyOwn = info[0].As<Napi::Boolean>();
  const auto failures = confirmation_->rollBack(onlyOwn ? Confirmation::Whose::Own : Confirmation::Whose::Any);
  if (failures && !failures->empty()) return {info.Env(), failureValue(info.Env(), *failures)};
  return Napi::Boolean::New(info.Env(), failures.has_value());
}

Napi::Value ConfirmationHandle::report(const Napi::CallbackInfo& info) {
  const auto covered = confirmation_->report();
  if (!covered) return info.Env().Undefined();
  const Napi::Object report = Napi::Object::New(info.Env());
  report.Set("outcomes", Napi::Value(info.Env(), outcomesValue(info.Env(), *covered)));
  report.Set("signaledNs", static_cast<double>(confirmation_->toSignalled().count()));
  report.Set("stoppedNs", static_cast<double>(confirmation_->toStopped().count()));
  return report;
}

}  // namespace freeze_state::binding

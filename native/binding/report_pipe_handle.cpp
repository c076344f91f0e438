#include "report_pipe_handle.h"

#include <array>
#include <cstddef>

#include "environment.h"

namespace freeze_state::binding {

Napi::Function ReportPipeHandle::define(Napi::Env env) {
  return DefineClass(
      env, "ReportPipeHandle",
      {InstanceMethod<&ReportPipeHandle::reader>("reader"), InstanceMethod<&ReportPipeHandle::writer>("writer"),
       InstanceMethod<&ReportPipeHandle::read>("read"), InstanceMethod<&ReportPipeHandle::close>("close")});
}

Napi::Value ReportPipeHandle::open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object made = Environment::of(env).reportPipeHandle.New({});
  if (made.IsEmpty() || Unwrap(made)->pipe_ == nullptr) return env.Undefined();
  return made;
}

ReportPipeHandle::ReportPipeHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ReportPipeHandle>(info) {
  if (!wasRefused(*this)) pipe_ = ReportPipe::open();
}

/// One more descriptor of the end to read from, which JavaScript closes; -1 where there is none.
Napi::Value ReportPipeHandle::reader(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), pipe_ == nullptr ? -1 : pipe_->duplicateReader());
}

/// -1 where it was closed.
Napi::Value ReportPipeHandle::writer(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), pipe_ == nullptr ? -1 : pipe_->writer());
}

/// A string, which is empty where nothing is there, or it was closed.
Napi::Value ReportPipeHandle::read(const Napi::CallbackInfo& info) {
  std::array<char, 4096> room;
  const std::size_t size = pipe_ == nullptr ? 0 : pipe_->read(room);
  napi_value text = nullptr;
  napi_create_string_latin1(info.Env(), room.data(), size, &text);
  return {info.Env(), text};
}

Napi::Value ReportPipeHandle::close(const Napi::CallbackInfo& info) {
  pipe_.reset();
  return info.Env().Undefined();
}

}  // namespace freeze_state::binding

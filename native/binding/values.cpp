#include "values.h"

#include <napi.h>

#include "../core/word.h"

namespace freeze_state::binding {

namespace {

const char* codeName(FailureCode code) {
  switch (code) {
    case FailureCode::NoPidConfigured: return "NoPidConfigured";
    case FailureCode::ProcessNotFound: return "ProcessNotFound";
    case FailureCode::PermissionDenied: return "PermissionDenied";
    case FailureCode::UnsupportedPlatform: return "UnsupportedPlatform";
    case FailureCode::SignalFailed: return "SignalFailed";
    case FailureCode::InvalidPid: return "InvalidPid";
    case FailureCode::ResourceExhausted: return "ResourceExhausted";
    case FailureCode::Closed: return "Closed";
  }
  return "";
}

}  // namespace

napi_value wordValue(napi_env env, std::uint64_t word) {
  napi_value value = nullptr;
  if (word == word::kClosed) {
    napi_get_undefined(env, &value);
  } else {
    napi_create_double(env, word::toNumber(word), &value);
  }
  return value;
}

napi_value failureValue(napi_env env, const Failures& failures) {
  const Napi::Array list = Napi::Array::New(env, failures.size());
  for (std::uint32_t i = 0; i < failures.size(); ++i) {
    const Failure& failure = failures[i];
    const Napi::Object entry = Napi::Object::New(env);
    entry.Set("code", codeName(failure.code));
    entry.Set("pid", failure.pid);
    entry.Set("errno", failure.error);
    entry.Set("syscall", failure.call);
    entry.Set("isStopped", failure.isStopped);
    list.Set(i, entry);
  }
  return list;
}

}  // namespace freeze_state::binding

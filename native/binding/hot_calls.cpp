#include "hot_calls.h"

#include <array>

#include "values.h"

namespace freeze_state::binding {

namespace {

napi_value boolean(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

Attachment& boundTo(napi_env env, napi_callback_info info, std::size_t argc, napi_value* argv) {
  void* data = nullptr;
  napi_get_cb_info(env, info, &argc, argv, nullptr, &data);
  return *static_cast<Attachment*>(data);
}

napi_value freezeAtEpoch(napi_env env, napi_callback_info info) {
  napi_value argument = nullptr;
  Attachment& attachment = boundTo(env, info, 1, &argument);
  double epoch = -1;
  // A missing or foreign argument leaves -1, which is no epoch.
  napi_get_value_double(env, argument, &epoch);
  const bool isInRange = epoch >= 0 && epoch <= static_cast<double>(word::kMaxEpoch);
  const auto whole = isInRange ? static_cast<std::uint64_t>(epoch) : 0;
  if (!isInRange || static_cast<double>(whole) != epoch) {
    const bool isClosed = attachment.state().word() == word::kClosed;
    return isClosed ? failureValue(env, {{FailureCode::Closed}}) : nullptr;
  }
  const FreezeResult result = attachment.state().freezeAtEpoch(whole, &attachment);
  return result.failures.empty() ? boolean(env, result.frozen) : failureValue(env, result.failures);
}

napi_value unfreeze(napi_env env, napi_callback_info info) {
  Attachment& attachment = boundTo(env, info, 0, nullptr);
  const Failures failures = attachment.state().unfreeze(&attachment);
  return failures.empty() ? nullptr : failureValue(env, failures);
}

napi_value hold(napi_env env, napi_callback_info info) {
  const Failures failures = boundTo(env, info, 0, nullptr).hold();
  return failures.empty() ? nullptr : failureValue(env, failures);
}

napi_value release(napi_env env, napi_callback_info info) {
  boundTo(env, info, 0, nullptr).release();
  return nullptr;
}

napi_value currentWord(napi_env env, napi_callback_info info) {
  return wordValue(env, boundTo(env, info, 0, nullptr).state().word());
}

void finalize(napi_env /*env*/, void* data, void* /*hint*/) { delete static_cast<std::shared_ptr<Attachment>*>(data); }

struct HotCall {
  const char* name;
  napi_callback call;
};

constexpr std::array kHotCalls{
    HotCall{"freezeAtEpoch", freezeAtEpoch},
    HotCall{"unfreeze", unfreeze},
    HotCall{"hold", hold},
    HotCall{"release", release},
    HotCall{"word", currentWord},
};

}  // namespace

void defineHotCalls(napi_env env, napi_value target, const std::shared_ptr<Attachment>& attachment) {
  for (const auto& [name, call] : kHotCalls) {
    napi_value function = nullptr;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, call, attachment.get(), &function) != napi_ok) return;
    auto* const share = new std::shared_ptr(attachment);
    if (napi_add_finalizer(env, function, share, finalize, nullptr, nullptr) != napi_ok) {
      finalize(env, share, nullptr);
      return;
    }
    napi_set_named_property(env, target, name, function);
  }
}

}  // namespace freeze_state::binding

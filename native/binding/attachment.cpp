#include "attachment.h"

#include "values.h"

namespace freeze_state::binding {

Attachment::~Attachment() {
  unlisten();
  while (holds_ > 0) release();
}

Failures Attachment::hold() {
  Failures failures = state_->hold(this);
  if (failures.empty()) ++holds_;
  return failures;
}

void Attachment::release() noexcept {
  if (holds_ == 0) return;
  --holds_;
  state_->release(this);
}

bool Attachment::listen(napi_env env, napi_value onChange) {
  if (wake_ != nullptr) return true;
  napi_value name = nullptr;
  napi_create_string_utf8(env, "freeze-state:change", NAPI_AUTO_LENGTH, &name);
  constexpr std::size_t kUnlimited = 0;
  if (napi_create_threadsafe_function(env, onChange, nullptr, name, kUnlimited, 1, nullptr, nullptr, this, deliver,
                                      &wake_) != napi_ok) {
    wake_ = nullptr;
    return false;
  }
  napi_unref_threadsafe_function(env, wake_);
  env_ = env;
  napi_add_env_cleanup_hook(env, atCleanup, this);
  isQueued_ = false;
  state_->addListener(*this);
  return true;
}

void Attachment::unlisten() noexcept {
  if (wake_ == nullptr) return;
  napi_remove_env_cleanup_hook(env_, atCleanup, this);
  // Once this returns no thread is inside `stateChanged`, and none will be.
  state_->removeListener(*this);
  napi_release_threadsafe_function(wake_, napi_tsfn_abort);
  wake_ = nullptr;
}

void Attachment::keepAlive(napi_env env, bool yes) noexcept {
  if (wake_ == nullptr) return;
  if (yes) {
    napi_ref_threadsafe_function(env, wake_);
  } else {
    napi_unref_threadsafe_function(env, wake_);
  }
}

void Attachment::stateChanged() noexcept {
  if (isQueued_.exchange(true)) return;
  napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

/// Called on our own thread, in a turn of its event loop.
void Attachment::deliver(napi_env env, napi_value onChange, void* context, void*) {
  // Both are null when Node empties the queue at the end of the environment or after `unlisten`.
  if (env == nullptr || onChange == nullptr) return;
  auto& self = *static_cast<Attachment*>(context);
  // Cleared before the state is read, so that a change after that queues a call of its own.
  self.isQueued_ = false;
  napi_value undefined = nullptr;
  napi_get_undefined(env, &undefined);
  napi_value word = wordValue(env, self.state_->word());
  napi_call_function(env, undefined, onChange, 1, &word, nullptr);
}

void Attachment::atCleanup(void* self) { static_cast<Attachment*>(self)->unlisten(); }

}  // namespace freeze_state::binding

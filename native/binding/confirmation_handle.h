#pragma once

#include <napi.h>

#include <memory>

#include "../core/state/confirmation.h"
#include "attachment.h"

namespace freeze_state::binding {

/// A confirmation as JavaScript holds it; `ConfirmationHandle` in lib/native.ts declares it. It goes when it is
/// collected or with its environment, however that ends, and then rolls back what it had not finished.
class ConfirmationHandle final : public Napi::ObjectWrap<ConfirmationHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  /// One of this environment, at the epoch, that has no listener for what the attachment's own thread does.
  static Napi::Value begin(Napi::Env env, const std::shared_ptr<Attachment>& attachment, std::uint64_t epoch);
  explicit ConfirmationHandle(const Napi::CallbackInfo& info);

 private:
  struct Beginning;

  Napi::Value step(const Napi::CallbackInfo& info);
  Napi::Value pending(const Napi::CallbackInfo& info);
  Napi::Value rollBack(const Napi::CallbackInfo& info);
  Napi::Value report(const Napi::CallbackInfo& info);

  std::shared_ptr<Attachment> attachment_;  ///< lives as long as what it listens with
  std::unique_ptr<Confirmation> confirmation_;
};

}  // namespace freeze_state::binding

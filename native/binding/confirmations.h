#pragma once

#include <napi.h>

#include <memory>

#include "../core/state/confirmation.h"
#include "attachment.h"

namespace freeze_state::binding {

/// A confirmation as JavaScript holds it; `ConfirmationHandle` in lib/native.ts declares it. It is destroyed when it is
/// collected, or with its environment, however that ends. It then rolls back what it had not finished.
class ConfirmationHandle final : public Napi::ObjectWrap<ConfirmationHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  /// A handle of this environment for a confirmation at the epoch, which has not begun. The attachment is not told of
  /// the changes that it makes.
  static Napi::Value begin(Napi::Env env, const std::shared_ptr<Attachment>& attachment, std::uint64_t epoch);
  explicit ConfirmationHandle(const Napi::CallbackInfo& info);

 private:
  struct Beginning;

  Napi::Value step(const Napi::CallbackInfo& info);
  Napi::Value pending(const Napi::CallbackInfo& info);
  Napi::Value rollBack(const Napi::CallbackInfo& info);
  Napi::Value report(const Napi::CallbackInfo& info);

  std::shared_ptr<Attachment> attachment_;  ///< kept alive, since the confirmation names it as its caller
  std::unique_ptr<Confirmation> confirmation_;
};

}  // namespace freeze_state::binding

#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

#include "../core/state/confirmation.h"
#include "attachment.h"

namespace freeze_state::binding {

/// The confirmations that one `StateHandle` has begun and not ended, by the numbers that its caller gives them; the
/// methods of `StateHandle` in lib/native.ts declare the calls. They have numbers because a JavaScript object that
/// wraps a native one takes as long to make as several steps. What is not ended when the handle is destroyed is rolled
/// back.
class Confirmations {
 public:
  /// The attachment is not told of the changes that the confirmations make.
  explicit Confirmations(std::shared_ptr<Attachment> attachment) noexcept : attachment_(std::move(attachment)) {}

  /// `(id, epoch, microseconds)`: how far it has come, or the failures. Ends it where it has failed or passed.
  Napi::Value step(const Napi::CallbackInfo& info);
  /// `(id)`. This and the next two answer of one that was ended as if the epoch had passed.
  Napi::Value pending(const Napi::CallbackInfo& info);
  /// `(id, onlyOwn)`: whether it was this call that thawed, or the failures.
  Napi::Value rollBack(const Napi::CallbackInfo& info);
  /// `(id)`. Ends it where it answers.
  Napi::Value report(const Napi::CallbackInfo& info);
  /// `(id)`.
  void end(const Napi::CallbackInfo& info) noexcept;

 private:
  Confirmation* find(const Napi::CallbackInfo& info) noexcept;

  std::shared_ptr<Attachment> attachment_;  ///< kept alive, since the confirmations name it as their caller
  std::unordered_map<std::int64_t, Confirmation> begun_;
};

}  // namespace freeze_state::binding

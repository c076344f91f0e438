#pragma once

#include <napi.h>

#include <cstdint>
#include <unordered_map>

#include "../core/state/confirmation.h"
#include "attachment.h"

namespace freeze_state::binding {

/// The confirmations that one `StateHandle` has begun and not ended, by the numbers that its caller gives them; the
/// methods of `StateHandle` in lib/native.ts declare the calls. They have numbers because a JavaScript object that
/// wraps a native one takes as long to make as several steps. What is not ended when the handle is destroyed is rolled
/// back.
class Confirmations {
 public:
  /// The attachment, which has to outlive this, is not told of the changes that the confirmations make.
  explicit Confirmations(Attachment& attachment) noexcept : attachment_(attachment) {}

  /// `(id, epoch, microseconds)`: how far it has come, or the failures. Begins it where there is none with the id. Ends
  /// it where it has failed or passed.
  Napi::Value step(const Napi::CallbackInfo& info);
  /// `(id)`. This and the next two answer of one that was ended as if the epoch had passed.
  Napi::Value pending(const Napi::CallbackInfo& info);
  /// `(id, onlyOwn)`: whether it was this call that thawed, or the failures.
  Napi::Value rollBack(const Napi::CallbackInfo& info);
  /// `(id, Float64Array)`: how many numbers the report has. Ends it where the array has room for them.
  Napi::Value report(const Napi::CallbackInfo& info);
  /// `(id)`.
  void end(const Napi::CallbackInfo& info) noexcept;

 private:
  Confirmation* find(const Napi::CallbackInfo& info) noexcept;

  Attachment& attachment_;
  std::unordered_map<std::int64_t, Confirmation> begun_;
};

}  // namespace freeze_state::binding

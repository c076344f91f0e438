#pragma once

#include <napi.h>

#include <memory>

#include "attachment.h"
#include "confirmations.h"

namespace freeze_state::binding {

/// One state as JavaScript holds it: the calls that are not hot. `StateHandle` in lib/native.ts declares it. The
/// attachment is shared with the hot calls. So it is destroyed once all of them are collected, or with the environment:
/// at the natural end of the main thread, and at every end of a worker.
class StateHandle final : public Napi::ObjectWrap<StateHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  /// A handle of this environment for a state that exists already.
  static Napi::Value attach(Napi::Env env, std::shared_ptr<FreezeState> state);
  /// `(mode, boost, cgroupPath, cgroupParent, isGuarded, tag)`: a handle for a new state, or the failures. With a tag
  /// the guardian does not thaw the members but kills them, and every process that has the tag in its environment.
  static Napi::Value make(const Napi::CallbackInfo& info);
  explicit StateHandle(const Napi::CallbackInfo& info);

 private:
  Napi::Value registerPid(const Napi::CallbackInfo& info);
  Napi::Value registerPids(const Napi::CallbackInfo& info);
  Napi::Value unregisterPid(const Napi::CallbackInfo& info);
  Napi::Value forceUnfreeze(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value pids(const Napi::CallbackInfo& info);
  Napi::Value cgroup(const Napi::CallbackInfo& info);
  Napi::Value mode(const Napi::CallbackInfo& info);
  Napi::Value inspect(const Napi::CallbackInfo& info);
  Napi::Value stepConfirmation(const Napi::CallbackInfo& info) { return confirmations_->step(info); }
  Napi::Value confirmationPending(const Napi::CallbackInfo& info) { return confirmations_->pending(info); }
  Napi::Value rollBackConfirmation(const Napi::CallbackInfo& info) { return confirmations_->rollBack(info); }
  Napi::Value confirmationReport(const Napi::CallbackInfo& info) { return confirmations_->report(info); }
  void endConfirmation(const Napi::CallbackInfo& info) { confirmations_->end(info); }
  Napi::Value share(const Napi::CallbackInfo& info);
  Napi::Value holdCount(const Napi::CallbackInfo& info);
  Napi::Value waitForChange(const Napi::CallbackInfo& info);
  Napi::Value listen(const Napi::CallbackInfo& info);
  Napi::Value unlisten(const Napi::CallbackInfo& info);
  Napi::Value keepAlive(const Napi::CallbackInfo& info);

  std::shared_ptr<Attachment> attachment_;
  std::unique_ptr<Confirmations> confirmations_;  ///< none where Node has refused the handle; uses the attachment
};

}  // namespace freeze_state::binding

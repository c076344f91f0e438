#pragma once

#include <node_api.h>

#include <atomic>
#include <memory>

#include "../core/state/freeze_state.h"

namespace freeze_state::binding {

/// One state as one thread has it: a share of the core's state, the holds that were taken through it, and the means by
/// which changes made elsewhere reach this thread. Used on its own thread only, except `stateChanged`. Destroying it
/// releases its holds and its share. The last share to go closes the state.
class Attachment final : public Listener {
 public:
  explicit Attachment(std::shared_ptr<FreezeState> state) : state_(std::move(state)) {}
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;
  ~Attachment();

  FreezeState& state() noexcept { return *state_; }

  /// Takes a hold, until `release` or the end of this object. Fails as `FreezeState::hold` does.
  Failures hold();
  /// Ends one of the holds that were taken here. Does nothing where there is none.
  void release() noexcept;

  /// Until `unlisten`, calls `onChange` with the word, in this thread's event loop, after changes that were made
  /// elsewhere; one call may stand for several changes. Keeps the event loop alive while `keepAlive` says so. False if
  /// Node cannot make a thread-safe function for it.
  bool listen(napi_env env, napi_value onChange);
  void unlisten() noexcept;
  void keepAlive(napi_env env, bool yes) noexcept;

  /// Called on the thread that made the change, under the lock of the core's state.
  void stateChanged() noexcept override;

 private:
  static void deliver(napi_env env, napi_value onChange, void* context, void* data);
  static void atCleanup(void* self);

  std::shared_ptr<FreezeState> state_;
  std::uint32_t holds_ = 0;

  /// Node closes it at the end of the environment, and frees it then: no other thread may call it after that. The
  /// clean-up hook, added later than Node's own and so run earlier, removes us from the state's listeners first.
  napi_threadsafe_function wake_ = nullptr;
  napi_env env_ = nullptr;
  std::atomic<bool> isQueued_{false};  ///< a call is on its way that will see this change too
};

}  // namespace freeze_state::binding

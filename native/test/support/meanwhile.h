#pragma once

#include <unistd.h>

#include <atomic>
#include <thread>
#include <utility>

#include "../../core/os/linux/procfs.h"
#include "../../core/state/freeze_state.h"
#include "wait_until.h"

namespace freeze_state::test {

/// A second thread, for a hook that holds the state's lock. It calls something that will wait for that lock.
class Meanwhile {
 public:
  Meanwhile() = default;
  Meanwhile(const Meanwhile&) = delete;
  Meanwhile& operator=(const Meanwhile&) = delete;
  ~Meanwhile() { join(); }

  /// For what moves the state on before it waits: unfreeze, forceUnfreeze, close. Returns once the word has moved.
  template <typename Body>
  bool move(const FreezeState& state, Body body) {
    const std::uint64_t before = state.word();
    thread_ = std::thread(std::move(body));
    return waitUntil([&] { return state.word() != before; });
  }

  /// For what leaves no trace before it waits. Returns once the thread sleeps, which only the lock makes it do.
  template <typename Body>
  bool block(Body body) {
    thread_ = std::thread([this, body = std::move(body)] {
      id_ = gettid();
      body();
    });
    ProcessEntry stat;
    return waitUntil([&] { return id_ != 0 && procfs::read(id_, stat) == 0 && stat.state == 'S'; });
  }

  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::thread thread_;
  std::atomic<Pid> id_{0};
};

}  // namespace freeze_state::test

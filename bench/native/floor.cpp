// The floors that the benchmarks measure against: the least that a call into native code can cost, and the plainest
// loop of signals in C. Nothing of freeze-state is in here.
#include <node_api.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

namespace {

std::atomic<std::uint64_t> word{2};

/// Reads a double, compares it with an atomic, returns a boolean.
napi_value compare(napi_env env, napi_callback_info info) {
  std::size_t argc = 1;
  napi_value argument = nullptr;
  napi_get_cb_info(env, info, &argc, &argument, nullptr, nullptr);
  double number = 0;
  napi_get_value_double(env, argument, &number);
  napi_value result = nullptr;
  napi_get_boolean(env, static_cast<double>(word.load()) == number, &result);
  return result;
}

/// Does nothing at all.
napi_value empty(napi_env, napi_callback_info) { return nullptr; }

std::vector<std::int32_t> pidList(napi_env env, napi_value list) {
  std::uint32_t count = 0;
  napi_get_array_length(env, list, &count);
  std::vector<std::int32_t> pids(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    napi_value element = nullptr;
    napi_get_element(env, list, i, &element);
    napi_get_value_int32(env, element, &pids[i]);
  }
  return pids;
}

/// kill(2) over an array of pids: `killAll(pids, signal)`.
napi_value killAll(napi_env env, napi_callback_info info) {
  std::size_t argc = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &argc, arguments, nullptr, nullptr);
  std::int32_t signal = 0;
  napi_get_value_int32(env, arguments[1], &signal);
  for (const std::int32_t pid : pidList(env, arguments[0])) kill(pid, signal);
  return nullptr;
}

/// Blocks until every one of these children has stopped: `awaitStopped(pids)`. WNOWAIT leaves libuv its exits.
napi_value awaitStopped(napi_env env, napi_callback_info info) {
  std::size_t argc = 1;
  napi_value argument = nullptr;
  napi_get_cb_info(env, info, &argc, &argument, nullptr, nullptr);
  for (const std::int32_t pid : pidList(env, argument)) {
    siginfo_t stopped{};
    waitid(P_PID, static_cast<id_t>(pid), &stopped, WSTOPPED | WNOWAIT);
  }
  return nullptr;
}

/// Takes SA_NOCLDSTOP off SIGCHLD again, so that one contestant's setting does not help the next.
napi_value resetChildNotices(napi_env, napi_callback_info) {
  struct sigaction action{};
  sigaction(SIGCHLD, nullptr, &action);
  action.sa_flags &= ~SA_NOCLDSTOP;
  sigaction(SIGCHLD, &action, nullptr);
  return nullptr;
}

std::mutex mutex;
std::condition_variable changed;
std::uint64_t version = 0;  // guarded by mutex

napi_value currentVersion(napi_env env, napi_callback_info /*info*/) {
  const std::lock_guard lock(mutex);
  napi_value result = nullptr;
  napi_create_double(env, static_cast<double>(version), &result);
  return result;
}

/// Blocks on a bare condition variable until the version is another than the one given: `awaitVersion(seen)`.
napi_value awaitVersion(napi_env env, napi_callback_info info) {
  std::size_t argc = 1;
  napi_value argument = nullptr;
  napi_get_cb_info(env, info, &argc, &argument, nullptr, nullptr);
  double seen = 0;
  napi_get_value_double(env, argument, &seen);
  std::unique_lock lock(mutex);
  changed.wait(lock, [seen] { return static_cast<double>(version) != seen; });
  return nullptr;
}

napi_value notifyVersion(napi_env, napi_callback_info) {
  {
    const std::lock_guard lock(mutex);
    ++version;
  }
  changed.notify_all();
  return nullptr;
}

napi_threadsafe_function bare = nullptr;  // one thread makes it, another calls it; never both at once

/// Makes the bare thread-safe function: `listenBare(callback)`.
napi_value listenBare(napi_env env, napi_callback_info info) {
  std::size_t argc = 1;
  napi_value callback = nullptr;
  napi_get_cb_info(env, info, &argc, &callback, nullptr, nullptr);
  napi_value name = nullptr;
  napi_create_string_utf8(env, "bare", NAPI_AUTO_LENGTH, &name);
  napi_create_threadsafe_function(env, callback, nullptr, name, 0, 1, nullptr, nullptr, nullptr, nullptr, &bare);
  return nullptr;
}

napi_value callBare(napi_env, napi_callback_info) {
  napi_call_threadsafe_function(bare, nullptr, napi_tsfn_nonblocking);
  return nullptr;
}

napi_value releaseBare(napi_env, napi_callback_info) {
  napi_release_threadsafe_function(bare, napi_tsfn_abort);
  return nullptr;
}

void define(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

}  // namespace

NAPI_MODULE_INIT() {
  define(env, exports, "compare", compare);
  define(env, exports, "empty", empty);
  define(env, exports, "killAll", killAll);
  define(env, exports, "awaitStopped", awaitStopped);
  define(env, exports, "resetChildNotices", resetChildNotices);
  define(env, exports, "currentVersion", currentVersion);
  define(env, exports, "awaitVersion", awaitVersion);
  define(env, exports, "notifyVersion", notifyVersion);
  define(env, exports, "listenBare", listenBare);
  define(env, exports, "callBare", callBare);
  define(env, exports, "releaseBare", releaseBare);
  return exports;
}

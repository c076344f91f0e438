// The floors that the benchmarks measure against: the least that a call into native code can cost, and the plainest
// loop of signals in C. Nothing of freeze-state is in here.
#include <dirent.h>
#include <fcntl.h>
#include <node_api.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::atomic<std::uint64_t> word{2};

/// The argument of a call with one.
napi_value argumentOf(napi_env env, napi_callback_info info) {
  std::size_t argc = 1;
  napi_value argument = nullptr;
  napi_get_cb_info(env, info, &argc, &argument, nullptr, nullptr);
  return argument;
}

double numberOf(napi_env env, napi_callback_info info) {
  double number = 0;
  napi_get_value_double(env, argumentOf(env, info), &number);
  return number;
}

napi_value valueOf(napi_env env, std::uint64_t number) {
  napi_value value = nullptr;
  napi_create_double(env, static_cast<double>(number), &value);
  return value;
}

/// Reads a double, compares it with an atomic, returns a boolean.
napi_value compare(napi_env env, napi_callback_info info) {
  const double number = numberOf(env, info);
  napi_value result = nullptr;
  napi_get_boolean(env, static_cast<double>(word.load()) == number, &result);
  return result;
}

/// Does nothing at all.
napi_value empty(napi_env, napi_callback_info) { return nullptr; }

/// Pids, or file descriptors.
std::vector<std::int32_t> numbers(napi_env env, napi_value list) {
  std::uint32_t count = 0;
  napi_get_array_length(env, list, &count);
  std::vector<std::int32_t> numbers(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    napi_value element = nullptr;
    napi_get_element(env, list, i, &element);
    napi_get_value_int32(env, element, &numbers[i]);
  }
  return numbers;
}

/// kill(2) over the pids of a call with `(pids, signal)`. Returns the pids.
std::vector<std::int32_t> killEach(napi_env env, napi_callback_info info) {
  std::size_t argc = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &argc, arguments, nullptr, nullptr);
  std::vector<std::int32_t> pids = numbers(env, arguments[0]);
  std::int32_t signal = 0;
  napi_get_value_int32(env, arguments[1], &signal);
  for (const std::int32_t pid : pids) kill(pid, signal);
  return pids;
}

/// kill(2) over an array of pids: `killAll(pids, signal)`.
napi_value killAll(napi_env env, napi_callback_info info) {
  killEach(env, info);
  return nullptr;
}

/// The same by a thread that ordinary ones do not preempt meanwhile, where it may: `killAllInRealTime(pids, signal)`.
napi_value killAllInRealTime(napi_env env, napi_callback_info info) {
  sched_param priority{};
  priority.sched_priority = sched_get_priority_min(SCHED_FIFO);
  sched_setscheduler(0, SCHED_FIFO, &priority);
  killEach(env, info);
  priority.sched_priority = 0;
  sched_setscheduler(0, SCHED_OTHER, &priority);
  return nullptr;
}

/// WNOWAIT leaves libuv its exits.
void awaitChildren(const std::vector<std::int32_t>& pids) {
  for (const std::int32_t pid : pids) {
    siginfo_t stopped{};
    waitid(P_PID, static_cast<id_t>(pid), &stopped, WSTOPPED | WNOWAIT);
  }
}

/// Blocks until every one of these children has stopped: `awaitStopped(pids)`.
napi_value awaitStopped(napi_env env, napi_callback_info info) {
  awaitChildren(numbers(env, argumentOf(env, info)));
  return nullptr;
}

/// Both in one call: `killAndAwait(pids, signal)`.
napi_value killAndAwait(napi_env env, napi_callback_info info) {
  awaitChildren(killEach(env, info));
  return nullptr;
}

/// Reads the beginning of a file by open, read and close; the length, or less than 0.
ssize_t readOnce(const std::string& path, std::span<char> buffer) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fd;
  const ssize_t length = read(fd, buffer.data(), buffer.size());
  close(fd);
  return length;
}

bool isStopped(const std::string& task) {
  std::array<char, 1024> buffer;
  const ssize_t length = readOnce(task + "/stat", buffer);
  if (length <= 0) return true;
  return std::string_view(buffer.data(), static_cast<std::size_t>(length)).find(") T ") != std::string_view::npos;
}

/// Looks at every thread of the process in /proc, by open, read and close, until it has stopped.
void seeStopped(pid_t pid) {
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task/";
  DIR* const directory = opendir(tasks.c_str());
  if (directory == nullptr) return;
  while (const dirent* const entry = readdir(directory)) {
    const std::string task = tasks + entry->d_name;
    while (entry->d_name[0] != '.' && !isStopped(task)) sched_yield();
  }
  closedir(directory);
}

/// kill(2) over an array of pids, and then a look at every thread of each: `killAndSee(pids, signal)`. What a careful
/// loop without any state costs, of processes that need not be our children.
napi_value killAndSee(napi_env env, napi_callback_info info) {
  for (const std::int32_t pid : killEach(env, info)) seeStopped(pid);
  return nullptr;
}

/// The same for groups, given as negative numbers, whose processes have to be found: `killGroupsAndSee(groups,
/// signal)`.
napi_value killGroupsAndSee(napi_env env, napi_callback_info info) {
  const std::vector<std::int32_t> groups = killEach(env, info);
  DIR* const all = opendir("/proc");
  while (const dirent* const entry = all == nullptr ? nullptr : readdir(all)) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid > 0 && std::ranges::find(groups, -getpgid(pid)) != groups.end()) seeStopped(pid);
  }
  if (all != nullptr) closedir(all);
  return nullptr;
}

/// Blocks until each of these files has the text: `awaitText(fds, text)`. Of processes that are not our children,
/// /proc/<pid>/stat tells the state, and cgroup.events that of a control group; a new look begins at the start of the
/// file.
napi_value awaitText(napi_env env, napi_callback_info info) {
  std::size_t argc = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &argc, arguments, nullptr, nullptr);
  std::array<char, 32> text{};
  std::size_t length = 0;
  napi_get_value_string_utf8(env, arguments[1], text.data(), text.size(), &length);
  const std::string_view wanted(text.data(), length);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (const std::int32_t fd : numbers(env, arguments[0])) {
    for (;;) {
      std::array<char, 1024> buffer;
      const ssize_t count = pread(fd, buffer.data(), buffer.size(), 0);
      if (count < 0 || std::chrono::steady_clock::now() > deadline) {
        napi_throw_error(env, nullptr, count < 0 ? "A file cannot be read any more." : "A file never had the text.");
        return nullptr;
      }
      const std::string_view file(buffer.data(), static_cast<std::size_t>(count));
      if (file.find(wanted) != std::string_view::npos) break;
      sched_yield();
    }
  }
  return nullptr;
}

/// One for each process: `openPidfds(pids)`. The caller closes them.
napi_value openPidfds(napi_env env, napi_callback_info info) {
  const std::vector<std::int32_t> pids = numbers(env, argumentOf(env, info));
  napi_value list = nullptr;
  napi_create_array(env, &list);
  for (std::uint32_t i = 0; i < pids.size(); ++i) {
    const long pidfd = syscall(SYS_pidfd_open, pids[i], 0);
    if (pidfd < 0) {
      napi_throw_error(env, nullptr, "A process has no pidfd.");
      return nullptr;
    }
    napi_set_element(env, list, i, valueOf(env, static_cast<std::uint64_t>(pidfd)));
  }
  return list;
}

void readToTheEnd(std::int32_t fd) {
  std::array<char, 4096> buffer;
  off_t at = 0;
  for (ssize_t count = 1; count > 0; at += count) count = pread(fd, buffer.data(), buffer.size(), at);
}

bool hasText(std::int32_t fd, std::string_view text) {
  std::array<char, 256> buffer;
  const ssize_t count = pread(fd, buffer.data(), buffer.size(), 0);
  return std::string_view(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))).find(text) !=
         std::string_view::npos;
}

/// Freezes a control group by the system calls that a confirmation of its processes makes, in the same order, and does
/// nothing with their answers: `freezeWithChecks([cgroup.freeze, cgroup.events, cgroup.threads, cgroup.procs,
/// the directory], pidfds)`.
napi_value freezeWithChecks(napi_env env, napi_callback_info info) {
  std::size_t argc = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &argc, arguments, nullptr, nullptr);
  const std::vector<std::int32_t> files = numbers(env, arguments[0]);
  const std::vector<std::int32_t> pidfds = numbers(env, arguments[1]);
  const std::int32_t freezeFile = files.at(0);
  const std::int32_t events = files.at(1);
  std::vector<pollfd> polled;
  for (const std::int32_t fd : pidfds) polled.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  struct stat status{};
  // Who has exited, who is inside, whether there are groups below, and whether anybody has frozen it.
  ::poll(polled.data(), polled.size(), 0);
  readToTheEnd(files.at(2));
  fstat(files.at(4), &status);
  getpid();
  hasText(freezeFile, "1");
  hasText(events, "frozen 1");
  if (pwrite(freezeFile, "1", 1, 0) != 1) {
    napi_throw_error(env, nullptr, "The group cannot be frozen.");
    return nullptr;
  }
  // Who was stopped before, and, once all have frozen, who is inside.
  for (const std::int32_t fd : pidfds) {
    siginfo_t found{};
    waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(fd), &found, WNOHANG | WSTOPPED | WNOWAIT);
  }
  while (!hasText(events, "frozen 1")) sched_yield();
  ::poll(polled.data(), polled.size(), 0);
  fstat(files.at(4), &status);
  readToTheEnd(files.at(3));
  hasText(events, "frozen 1");
  return nullptr;
}

/// Takes SA_NOCLDSTOP off SIGCHLD again, so that one contestant's setting does not help the next; or puts it there:
/// `resetChildNotices(areQuiet)`.
napi_value resetChildNotices(napi_env env, napi_callback_info info) {
  bool areQuiet = false;
  napi_get_value_bool(env, argumentOf(env, info), &areQuiet);
  struct sigaction action{};
  sigaction(SIGCHLD, nullptr, &action);
  action.sa_flags = areQuiet ? action.sa_flags | SA_NOCLDSTOP : action.sa_flags & ~SA_NOCLDSTOP;
  sigaction(SIGCHLD, &action, nullptr);
  return nullptr;
}

std::mutex mutex;
std::condition_variable changed;
std::uint64_t version = 0;  // guarded by mutex

napi_value currentVersion(napi_env env, napi_callback_info /*info*/) {
  const std::lock_guard lock(mutex);
  return valueOf(env, version);
}

/// Blocks on a bare condition variable until the version is another than the one given: `awaitVersion(seen)`.
napi_value awaitVersion(napi_env env, napi_callback_info info) {
  const double seen = numberOf(env, info);
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

std::atomic<std::uint64_t> polled{0};

/// Polls a bare number until it is another than the one it was at the call of `currentPolled`: `poll(seen)`.
napi_value poll(napi_env env, napi_callback_info info) {
  const double seen = numberOf(env, info);
  while (static_cast<double>(polled.load()) == seen) {
  }
  return nullptr;
}

napi_value currentPolled(napi_env env, napi_callback_info /*info*/) { return valueOf(env, polled); }

napi_value movePolled(napi_env, napi_callback_info) {
  ++polled;
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
  define(env, exports, "killAllInRealTime", killAllInRealTime);
  define(env, exports, "awaitStopped", awaitStopped);
  define(env, exports, "killAndAwait", killAndAwait);
  define(env, exports, "killAndSee", killAndSee);
  define(env, exports, "killGroupsAndSee", killGroupsAndSee);
  define(env, exports, "awaitText", awaitText);
  define(env, exports, "openPidfds", openPidfds);
  define(env, exports, "freezeWithChecks", freezeWithChecks);
  define(env, exports, "resetChildNotices", resetChildNotices);
  define(env, exports, "currentVersion", currentVersion);
  define(env, exports, "awaitVersion", awaitVersion);
  define(env, exports, "notifyVersion", notifyVersion);
  define(env, exports, "currentPolled", currentPolled);
  define(env, exports, "poll", poll);
  define(env, exports, "movePolled", movePolled);
  define(env, exports, "listenBare", listenBare);
  define(env, exports, "callBare", callBare);
  define(env, exports, "releaseBare", releaseBare);
  return exports;
}

// Preloaded into a trial (LD_PRELOAD, ld.so(8)): takes the time of each system call of one thread, by what it is for.
// See bench/profile.mts. It stands before the functions of libc that the addon, the floor and Node call for what is
// profiled. What libc calls by itself it does not see: futex(2) for a lock that is taken, mmap(2) for memory.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <node_api.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace {

/// `kinds` in bench/profile.mts has the same order.
enum class Kind : std::uint8_t { Other, Signals, States, Search, Cgroup, Waiting };
constexpr std::size_t kKinds = 6;

struct Spent {
  double calls = 0;
  double nanoseconds = 0;
};

thread_local bool isCounting = false;
thread_local bool isInside = false;
thread_local std::array<Spent, kKinds> spent;

/// Of each descriptor. Two threads may open and close at once, but no descriptor is used before it is open.
std::array<Kind, 65536> kindOfFile{};

Kind kindOf(int fd) {
  const auto index = static_cast<std::size_t>(fd);
  return fd >= 0 && index < kindOfFile.size() ? kindOfFile.at(index) : Kind::Other;
}

Kind kindOf(std::string_view path) {
  if (path.find("/cgroup") != std::string_view::npos) return Kind::Cgroup;
  if (!path.starts_with("/proc")) return Kind::Other;
  if (path.ends_with('/')) path.remove_suffix(1);
  if (path.ends_with("/stat")) return Kind::States;
  return path.ends_with("/children") || path.ends_with("/task") || path == "/proc" ? Kind::Search : Kind::Other;
}

double now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  constexpr double kNanoseconds = 1e9;
  return (static_cast<double>(time.tv_sec) * kNanoseconds) + static_cast<double>(time.tv_nsec);
}

template <typename Call>
auto timed(Kind kind, Call call) {
  // A signal's handler that runs in a call belongs to it.
  if (!isCounting || isInside) return call();
  isInside = true;
  const double start = now();
  const auto result = call();
  const int error = errno;
  isInside = false;
  Spent& sum = spent.at(static_cast<std::size_t>(kind));
  sum.nanoseconds += now() - start;
  ++sum.calls;
  errno = error;
  return result;
}

/// The function of libc that ours stands before.
template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// Without waiters glibc makes no system call. That is how it is in glibc 2.25 and later, and no promise.
bool hasWaiters(const pthread_cond_t& condition) { return condition.__data.__wrefs >> 3 != 0; }

int note(int fd, Kind kind) {
  if (fd >= 0 && static_cast<std::size_t>(fd) < kindOfFile.size()) kindOfFile.at(static_cast<std::size_t>(fd)) = kind;
  return fd;
}

/// Of a descriptor that is about to be closed.
Kind closing(int fd) {
  const Kind kind = kindOf(fd);
  note(fd, Kind::Other);
  return kind;
}

/// The directory that was opened last, while no entry of it was read.
thread_local DIR* unread = nullptr;

}  // namespace

/// Defines a function that stands before that of libc and takes its time.
#define TIMED(Type, name, parameters, kind, ...)            \
  Type name parameters {                                    \
    static auto* const real = next<Type parameters>(#name); \
    return timed(kind, [&] { return real(__VA_ARGS__); });  \
  }

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): those of libc's headers are reserved
extern "C" {

TIMED(int, close, (int fd), closing(fd), fd)
TIMED(ssize_t, read, (int fd, void* buffer, std::size_t size), kindOf(fd), fd, buffer, size)
TIMED(ssize_t, write, (int fd, const void* buffer, std::size_t size), kindOf(fd), fd, buffer, size)
TIMED(ssize_t, pread64, (int fd, void* buffer, std::size_t size, off64_t at), kindOf(fd), fd, buffer, size, at)
TIMED(ssize_t, pwrite64, (int fd, const void* buffer, std::size_t size, off64_t at), kindOf(fd), fd, buffer, size, at)
TIMED(off64_t, lseek64, (int fd, off64_t at, int whence) noexcept, kindOf(fd), fd, at, whence)
TIMED(int, stat64, (const char* path, struct stat64* status) noexcept, kindOf(std::string_view(path)), path, status)
TIMED(int, fstat64, (int fd, struct stat64* status) noexcept, kindOf(fd), fd, status)
TIMED(int, fstatfs64, (int fd, struct statfs64* status) noexcept, kindOf(fd), fd, status)

TIMED(int, closedir, (DIR * directory), closing(dirfd(directory)), directory)

TIMED(int, kill, (pid_t pid, int signal) noexcept, Kind::Signals, pid, signal)
TIMED(pid_t, waitpid, (pid_t pid, int* status, int options), Kind::States, pid, status, options)
TIMED(int, waitid, (idtype_t type, id_t id, siginfo_t* info, int options), Kind::States, type, id, info, options)
TIMED(pid_t, getpgid, (pid_t pid) noexcept, Kind::Search, pid)
TIMED(pid_t, getsid, (pid_t pid) noexcept, Kind::Search, pid)

TIMED(int, sched_yield, () noexcept, Kind::Waiting)
TIMED(int, nanosleep, (const timespec* time, timespec* left), Kind::Waiting, time, left)
TIMED(int, epoll_wait, (int fd, epoll_event* events, int size, int timeout), Kind::Waiting, fd, events, size, timeout)
TIMED(int, epoll_pwait, (int fd, epoll_event* events, int size, int timeout, const sigset_t* mask), Kind::Waiting, fd,
      events, size, timeout, mask)
// With a timeout of 0 it does not wait, but asks whether a process has exited.
TIMED(int, poll, (pollfd * files, nfds_t count, int timeout), timeout == 0 ? Kind::Other : Kind::Waiting, files, count,
      timeout)

TIMED(pid_t, getpid, () noexcept, Kind::Other)
TIMED(pid_t, getpgrp, () noexcept, Kind::Other)
TIMED(uid_t, geteuid, () noexcept, Kind::Other)
TIMED(int, getrlimit64, (__rlimit_resource_t resource, rlimit64* limit) noexcept, Kind::Other, resource, limit)
TIMED(int, sched_getaffinity, (pid_t pid, std::size_t size, cpu_set_t* set) noexcept, Kind::Other, pid, size, set)
TIMED(int, sched_get_priority_min, (int policy) noexcept, Kind::Other, policy)
TIMED(int, sched_setscheduler, (pid_t pid, int policy, const sched_param* priority) noexcept, Kind::Other, pid, policy,
      priority)
TIMED(int, sigaction, (int signal, const struct sigaction* action, struct sigaction* before) noexcept, Kind::Other,
      signal, action, before)
TIMED(void*, mmap64, (void* address, std::size_t size, int protection, int flags, int fd, off64_t offset) noexcept,
      Kind::Other, address, size, protection, flags, fd, offset)
TIMED(int, munmap, (void* address, std::size_t size) noexcept, Kind::Other, address, size)
TIMED(int, madvise, (void* address, std::size_t size, int advice) noexcept, Kind::Other, address, size, advice)
TIMED(int, mprotect, (void* address, std::size_t size, int protection) noexcept, Kind::Other, address, size, protection)

int pthread_cond_signal(pthread_cond_t* condition) noexcept {
  static auto* const real = next<int(pthread_cond_t*)>("pthread_cond_signal");
  return hasWaiters(*condition) ? timed(Kind::Other, [&] { return real(condition); }) : real(condition);
}

int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
  static auto* const real = next<int(pthread_cond_t*)>("pthread_cond_broadcast");
  return hasWaiters(*condition) ? timed(Kind::Other, [&] { return real(condition); }) : real(condition);
}

DIR* opendir(const char* path) {
  static auto* const real = next<DIR*(const char*)>("opendir");
  const Kind kind = kindOf(std::string_view(path));
  unread = timed(kind, [&] { return real(path); });
  if (unread != nullptr) note(dirfd(unread), kind);
  return unread;
}

/// The first entry takes a system call, and so does the end. The others come from the buffer of libc, which is large
/// enough for a thousand.
dirent64* readdir64(DIR* directory) {
  static auto* const real = next<dirent64*(DIR*)>("readdir64");
  Spent& sum = spent.at(static_cast<std::size_t>(kindOf(dirfd(directory))));
  const Spent before = sum;
  dirent64* const entry = timed(kindOf(dirfd(directory)), [&] { return real(directory); });
  if (entry != nullptr && directory != unread) sum = before;
  unread = nullptr;
  return entry;
}

int open64(const char* path, int flags, ...) {
  static auto* const real = next<int(const char*, int, ...)>("open64");
  va_list more;
  va_start(more, flags);
  const auto mode = va_arg(more, mode_t);
  va_end(more);
  const Kind kind = kindOf(std::string_view(path));
  return note(timed(kind, [&] { return real(path, flags, mode); }), kind);
}

int prctl(int option, ...) noexcept {
  static auto* const real = next<int(int, ...)>("prctl");
  va_list more;
  va_start(more, option);
  std::array<unsigned long, 4> arguments{};
  for (unsigned long& argument : arguments) argument = va_arg(more, unsigned long);
  va_end(more);
  const auto [a, b, c, d] = arguments;
  return timed(Kind::Other, [&] { return real(option, a, b, c, d); });
}

long syscall(long number, ...) noexcept {
  static auto* const real = next<long(long, ...)>("syscall");
  va_list more;
  va_start(more, number);
  std::array<long, 6> arguments{};
  for (long& argument : arguments) argument = va_arg(more, long);
  va_end(more);
  Kind kind = Kind::Other;
  if (number == SYS_pidfd_send_signal) kind = Kind::Signals;
  if (number == SYS_getdents64) kind = kindOf(static_cast<int>(arguments[0]));
  // So libuv closes.
  if (number == SYS_close) kind = closing(static_cast<int>(arguments[0]));
  const auto [a, b, c, d, e, f] = arguments;
  return timed(kind, [&] { return real(number, a, b, c, d, e, f); });
}

}  // extern "C"
// NOLINTEND(readability-inconsistent-declaration-parameter-name)

namespace {

/// From here on the calls of this thread count: `begin()`.
napi_value begin(napi_env, napi_callback_info) {
  spent = {};
  isCounting = true;
  return nullptr;
}

napi_value listOf(napi_env env, std::span<const double> values) {
  napi_value list = nullptr;
  napi_create_array(env, &list);
  std::uint32_t index = 0;
  for (const double value : values) {
    napi_value number = nullptr;
    napi_create_double(env, value, &number);
    napi_set_element(env, list, index++, number);
  }
  return list;
}

/// What they took, as a list of calls and nanoseconds for each kind: `end()`.
napi_value end(napi_env env, napi_callback_info) {
  isCounting = false;
  std::vector<double> values;
  for (const auto& [calls, nanoseconds] : spent) values.insert(values.end(), {calls, nanoseconds});
  return listOf(env, values);
}

/// What it costs to take the time of a call, as nanoseconds: all of it, and the part that counts as the call's:
/// `cost()`. That is the least of a few attempts: more of it is an interruption.
napi_value cost(napi_env env, napi_callback_info) {
  constexpr double kCalls = 1000;
  constexpr int kAttempts = 20;
  double all = std::numeric_limits<double>::infinity();
  double within = all;
  isCounting = true;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    spent = {};
    const double start = now();
    for (double call = 0; call < kCalls; ++call) timed(Kind::Other, [] { return 0; });
    all = std::min(all, (now() - start) / kCalls);
    within = std::min(within, spent.front().nanoseconds / kCalls);
  }
  isCounting = false;
  return listOf(env, std::array{all, within});
}

}  // namespace

NAPI_MODULE_INIT() {
  const std::pair<const char*, napi_callback> functions[] = {{"begin", begin}, {"end", end}, {"cost", cost}};
  for (const auto& [name, call] : functions) {
    napi_value function = nullptr;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, call, nullptr, &function);
    napi_set_named_property(env, exports, name, function);
  }
  return exports;
}

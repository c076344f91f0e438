// Preloaded into a trial (LD_PRELOAD, ld.so(8)): takes the time of each system call of one thread, by what it is for.
// See bench/profile.mts. It stands before the functions of libc that the addon, the floor and Node call.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <node_api.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string_view>
#include <utility>

namespace {

/// `kinds` in bench/profile.mts has the same order.
enum class Kind : std::uint8_t { Other, Signals, States, Search, Cgroup, Turns };
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

int note(int fd, Kind kind) {
  if (fd >= 0 && static_cast<std::size_t>(fd) < kindOfFile.size()) kindOfFile.at(static_cast<std::size_t>(fd)) = kind;
  return fd;
}

}  // namespace

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): those of libc's headers are reserved
extern "C" {

int open64(const char* path, int flags, ...) {
  static auto* const real = next<int(const char*, int, ...)>("open64");
  va_list more;
  va_start(more, flags);
  const auto mode = va_arg(more, mode_t);
  va_end(more);
  const Kind kind = kindOf(std::string_view(path));
  return note(timed(kind, [&] { return real(path, flags, mode); }), kind);
}

int close(int fd) {
  static auto* const real = next<int(int)>("close");
  const Kind kind = kindOf(fd);
  note(fd, Kind::Other);
  return timed(kind, [&] { return real(fd); });
}

ssize_t read(int fd, void* buffer, std::size_t size) {
  static auto* const real = next<ssize_t(int, void*, std::size_t)>("read");
  return timed(kindOf(fd), [&] { return real(fd, buffer, size); });
}

ssize_t pread64(int fd, void* buffer, std::size_t size, off64_t offset) {
  static auto* const real = next<ssize_t(int, void*, std::size_t, off64_t)>("pread64");
  return timed(kindOf(fd), [&] { return real(fd, buffer, size, offset); });
}

ssize_t write(int fd, const void* buffer, std::size_t size) {
  static auto* const real = next<ssize_t(int, const void*, std::size_t)>("write");
  return timed(kindOf(fd), [&] { return real(fd, buffer, size); });
}

ssize_t pwrite64(int fd, const void* buffer, std::size_t size, off64_t offset) {
  static auto* const real = next<ssize_t(int, const void*, std::size_t, off64_t)>("pwrite64");
  return timed(kindOf(fd), [&] { return real(fd, buffer, size, offset); });
}

DIR* opendir(const char* path) {
  static auto* const real = next<DIR*(const char*)>("opendir");
  return timed(kindOf(std::string_view(path)), [&] { return real(path); });
}

dirent64* readdir64(DIR* directory) {
  static auto* const real = next<dirent64*(DIR*)>("readdir64");
  return timed(Kind::Search, [&] { return real(directory); });
}

int closedir(DIR* directory) {
  static auto* const real = next<int(DIR*)>("closedir");
  return timed(Kind::Search, [&] { return real(directory); });
}

int kill(pid_t pid, int signal) noexcept {
  static auto* const real = next<int(pid_t, int)>("kill");
  return timed(Kind::Signals, [&] { return real(pid, signal); });
}

pid_t getpgid(pid_t pid) noexcept {
  static auto* const real = next<pid_t(pid_t)>("getpgid");
  return timed(Kind::Search, [&] { return real(pid); });
}

int waitid(idtype_t type, id_t id, siginfo_t* info, int options) {
  static auto* const real = next<int(idtype_t, id_t, siginfo_t*, int)>("waitid");
  return timed(Kind::States, [&] { return real(type, id, info, options); });
}

int poll(pollfd* files, nfds_t count, int timeout) {
  static auto* const real = next<int(pollfd*, nfds_t, int)>("poll");
  return timed(Kind::Other, [&] { return real(files, count, timeout); });
}

int stat64(const char* path, struct stat64* status) noexcept {
  static auto* const real = next<int(const char*, struct stat64*)>("stat64");
  return timed(kindOf(std::string_view(path)), [&] { return real(path, status); });
}

int sched_yield() noexcept {
  static auto* const real = next<int()>("sched_yield");
  return timed(Kind::Turns, [&] { return real(); });
}

int epoll_wait(int fd, epoll_event* events, int size, int timeout) {
  static auto* const real = next<int(int, epoll_event*, int, int)>("epoll_wait");
  return timed(Kind::Turns, [&] { return real(fd, events, size, timeout); });
}

int epoll_pwait(int fd, epoll_event* events, int size, int timeout, const sigset_t* mask) {
  static auto* const real = next<int(int, epoll_event*, int, int, const sigset_t*)>("epoll_pwait");
  return timed(Kind::Turns, [&] { return real(fd, events, size, timeout, mask); });
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

/// What they took, as a list of calls and nanoseconds for each kind: `end()`.
napi_value end(napi_env env, napi_callback_info) {
  isCounting = false;
  napi_value list = nullptr;
  napi_create_array(env, &list);
  std::uint32_t index = 0;
  for (const auto& [calls, nanoseconds] : spent) {
    for (const double value : {calls, nanoseconds}) {
      napi_value number = nullptr;
      napi_create_double(env, value, &number);
      napi_set_element(env, list, index++, number);
    }
  }
  return list;
}

}  // namespace

NAPI_MODULE_INIT() {
  for (const auto& [name, call] :
       {std::pair<const char*, napi_callback>("begin", begin), std::pair<const char*, napi_callback>("end", end)}) {
    napi_value function = nullptr;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, call, nullptr, &function);
    napi_set_named_property(env, exports, name, function);
  }
  return exports;
}

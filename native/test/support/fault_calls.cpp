// Wrappers for the functions of the C library that the core calls directly and not through an interface. The linker's
// --wrap leads the calls here. A call that no test makes fail goes through.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <string>
#include <utility>

#include "faults.h"

namespace freeze_state::test {

namespace {

Faults* current = nullptr;

/// Whether the call is refused, with errno set.
bool isRefused(std::string_view call) {
  Faults* const faults = Faults::active();
  const int error = faults == nullptr ? 0 : faults->answer(call);
  if (error != 0) errno = error;
  return error != 0;
}

/// `open cgroup.freeze`, say.
std::string openOf(std::string_view path) { return "open " + std::string(path.substr(path.rfind('/') + 1)); }

}  // namespace

void Faults::begin(Fault fault) {
  fault_ = std::move(fault);
  counts_.clear();
  hasBegun_ = true;
  current = this;
}

void Faults::end() noexcept {
  hasBegun_ = false;
  if (current == this) current = nullptr;
}

int Faults::answer(std::string_view call) {
  if (!hasBegun_) return 0;
  const std::size_t nth = ++counts_[std::string(call)];
  if (call != fault_.call) return 0;
  return nth == fault_.nth || (fault_.isLasting && nth > fault_.nth) ? fault_.error : 0;
}

Faults* Faults::active() noexcept { return current; }

}  // namespace freeze_state::test

using freeze_state::test::isRefused;
using freeze_state::test::openOf;

// The linker gives these names.
// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming, cppcoreguidelines-pro-type-vararg)
extern "C" {
int __real_open(const char* path, int flags, ...);
ssize_t __real_read(int fd, void* buffer, size_t size);
ssize_t __real_pread(int fd, void* buffer, size_t size, off_t offset);
ssize_t __real_pwrite(int fd, const void* buffer, size_t size, off_t offset);
int __real_sigaction(int number, const struct sigaction* action, struct sigaction* old);
int __real_getrlimit(decltype(RLIMIT_NOFILE) resource, rlimit* limit);
int __real_prctl(int option, ...);
long __real_syscall(long number, ...);

int __wrap_open(const char* path, int flags, ...) { return isRefused(openOf(path)) ? -1 : __real_open(path, flags); }
ssize_t __wrap_read(int fd, void* buffer, size_t size) {
  return isRefused("read") ? -1 : __real_read(fd, buffer, size);
}
ssize_t __wrap_pread(int fd, void* buffer, size_t size, off_t offset) {
  return isRefused("pread") ? -1 : __real_pread(fd, buffer, size, offset);
}
ssize_t __wrap_pwrite(int fd, const void* buffer, size_t size, off_t offset) {
  return isRefused("pwrite cgroup.freeze") ? -1 : __real_pwrite(fd, buffer, size, offset);
}
int __wrap_sigaction(int number, const struct sigaction* action, struct sigaction* old) {
  return isRefused("sigaction") ? -1 : __real_sigaction(number, action, old);
}
int __wrap_getrlimit(decltype(RLIMIT_NOFILE) resource, rlimit* limit) {
  return isRefused("getrlimit") ? -1 : __real_getrlimit(resource, limit);
}
int __wrap_prctl(int option, ...) {
  std::va_list words;
  va_start(words, option);
  // As many as any caller passes: each is in a register, given or not.
  const unsigned long a = va_arg(words, unsigned long);
  const unsigned long b = va_arg(words, unsigned long);
  const unsigned long c = va_arg(words, unsigned long);
  const unsigned long d = va_arg(words, unsigned long);
  va_end(words);
  return isRefused("prctl") ? -1 : __real_prctl(option, a, b, c, d);
}
long __wrap_syscall(long number, ...) {
  std::va_list words;
  va_start(words, number);
  // As many as registers take: what lies beyond on the stack is not ours to read, and the core passes no more.
  const long a = va_arg(words, long);
  const long b = va_arg(words, long);
  const long c = va_arg(words, long);
  const long d = va_arg(words, long);
  const long e = va_arg(words, long);
  va_end(words);
  if (number == SYS_sched_getscheduler && isRefused("sched_getscheduler")) return -1;
  if (number == SYS_sched_setscheduler && isRefused("sched_setscheduler")) return -1;
  return __real_syscall(number, a, b, c, d, e);
}
}
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming, cppcoreguidelines-pro-type-vararg)

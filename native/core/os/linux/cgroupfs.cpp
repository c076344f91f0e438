#include "../cgroupfs.h"

#include <fcntl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <system_error>

#include "../cgroup_location.h"
#include "../file_descriptor.h"
#include "access.h"
#include "kept_descriptors.h"
#include "kernel_file.h"

namespace freeze_state::cgroup {

int read(const std::string& directory, const char* file, std::string& text) {
  return kernel_file::readAll((directory + "/" + file).c_str(), text);
}

int write(const std::string& directory, const char* file, const std::string& text) {
  const std::string path = directory + "/" + file;
  const FileDescriptor opened(
      kept_descriptors::withDescriptor([&] { return open(path.c_str(), O_WRONLY | O_CLOEXEC); }));
  if (!opened.isOpen()) return errno;
  return ::write(opened.get(), text.data(), text.size()) < 0 ? errno : 0;
}

int join(const std::string& directory, Pid pid) { return write(directory, "cgroup.procs", std::to_string(pid)); }

int groupsBelow(const std::string& directory, std::vector<std::string>& groups) {
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory, error); !error && at != std::filesystem::directory_iterator();
       at.increment(error)) {
    std::error_code ignored;
    if (at->is_directory(ignored)) groups.push_back(at->path().string());
  }
  return error.value();
}

Failures whyFrozen(const std::string& directory, const Mount& mount, Pid pid) {
  for (std::string at = directory; isWithin(at, mount.point); at = parentOf(at)) {
    std::string text;
    // The root has no such file.
    const int error = read(at, "cgroup.freeze", text);
    if (isOutOfResources(error)) return {failureOf(error, "open", directory, pid)};
    if (error == 0 && text.starts_with('1')) return {refusal(FailureCode::CgroupFrozen, at, pid)};
  }
  return {};
}

std::optional<bool> eventOf(std::string_view events, std::string_view name) {
  while (!events.empty()) {
    const std::size_t end = std::min(events.find('\n'), events.size());
    const std::string_view line = events.substr(0, end);
    events.remove_prefix(std::min(end + 1, events.size()));
    if (line.starts_with(name) && line.size() == name.size() + 2) return line.ends_with(" 1");
  }
  return std::nullopt;
}

bool takesProcesses(const std::string& directory) {
  std::string text;
  if (read(directory, "cgroup.subtree_control", text) != 0) return true;
  std::istringstream controllers(text);
  std::size_t count = 0;
  for (std::string one; controllers >> one; ++count) {
    constexpr std::array<std::string_view, 4> kForThreads{"cpu", "cpuset", "perf_event", "pids"};
    if (std::ranges::find(kForThreads, one) == kForThreads.end()) return false;
  }
  if (count == 0) return true;
  std::vector<std::string> groups;
  groupsBelow(directory, groups);
  return std::ranges::none_of(groups, [](const std::string& below) {
    std::string type;
    std::string events;
    return read(below, "cgroup.type", type) == 0 && type.starts_with("domain") &&
           read(below, "cgroup.events", events) == 0 && eventOf(events, "populated").value_or(false);
  });
}

namespace {

/// The file system that the directory is on, by statfs(2) or else by fstatfs(2): some seccomp filters deny the one call
/// and not the other. Returns 0, or the errno(3).
int statFileSystem(const std::string& directory, struct statfs& system) noexcept {
  if (statfs(directory.c_str(), &system) == 0) return 0;
  const int denied = errno;
  const FileDescriptor opened(
      kept_descriptors::withDescriptor([&] { return open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
  return opened.isOpen() && fstatfs(opened.get(), &system) == 0 ? 0 : denied;
}

}  // namespace

Failures whyUnfit(const std::string& directory, const Mount& mount) {
  struct statfs system{};
  if (const int error = statFileSystem(directory, system); error != 0) return {failureOf(error, "statfs", directory)};
  constexpr auto kCgroup2 = 0x63677270;
  if (system.f_type != kCgroup2)
    return {{.code = FailureCode::CgroupMissing, .error = ENOTSUP, .call = "statfs", .path = directory}};
  std::string text;
  if (const int error = read(directory, "cgroup.freeze", text); error != 0)
    return {failureOf(error, "open", directory)};
  if (read(directory, "cgroup.type", text) == 0 && (text.starts_with("threaded") || text.starts_with("domain invalid")))
    return {failureOf(EOPNOTSUPP, "read", directory)};
  std::string own;
  // Also by the lists of the group, whatever /proc says: we would freeze ourselves in there, for good.
  if (const int error = locate(getpid(), mount, directory, own); error != 0)
    return {failureOf(error, "open", directory)};
  if (isWithin(own, directory)) return {refusal(FailureCode::CgroupOurs, directory, getpid())};
  if (!takesProcesses(directory)) return {refusal(FailureCode::CgroupControllers, directory)};
  if (Failures failures = whyFrozen(directory, mount); !failures.empty()) return failures;
  for (const char* file : {"cgroup.freeze", "cgroup.procs"}) {
    if (const int error = findAccess((directory + "/" + file).c_str(), W_OK); error != 0)
      return {failureOf(error, "access", directory)};
  }
  return {};
}

Failure refusal(FailureCode code, const std::string& path, Pid pid) { return {.code = code, .pid = pid, .path = path}; }

Failure failureOf(int error, const char* call, const std::string& path, Pid pid) {
  const auto code = [error] {
    if (isOutOfResources(error)) return FailureCode::ResourceExhausted;
    switch (error) {
      case EACCES:
      case EPERM: return FailureCode::CgroupNotPermitted;
      case EROFS: return FailureCode::CgroupReadOnly;
      case ENOENT:
      case ENOTDIR:
      case ENODEV: return FailureCode::CgroupMissing;
      case EOPNOTSUPP: return FailureCode::CgroupThreaded;
      default: return FailureCode::CgroupFailed;
    }
  }();
  return {.code = code, .pid = pid, .error = error, .call = call, .path = path};
}

Failure moveFailure(int error, const std::string& directory, Pid pid) {
  Failure failure = failureOf(error, "write", directory, pid);
  if (error == EBUSY) failure.code = FailureCode::CgroupControllers;
  return failure;
}

Failure laterFailure(int error, const char* call, const std::string& path, Pid pid) {
  Failure failure = failureOf(error, call, path, pid);
  if (meansRemoved(error)) failure.code = FailureCode::CgroupGone;
  return failure;
}

}  // namespace freeze_state::cgroup

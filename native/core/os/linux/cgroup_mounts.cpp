#include "../cgroup_mounts.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <string_view>
#include <system_error>

#include "../cgroup_location.h"
#include "../cgroupfs.h"
#include "kernel_file.h"
#include "procfs.h"

namespace freeze_state::cgroup {

namespace {

/// Spaces and the like are written as `\040` in mountinfo.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int code = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, code, 8).ec == std::errc()) {
      plain += static_cast<char>(code);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

}  // namespace

std::string parentOf(const std::string& directory) { return directory.substr(0, directory.rfind('/')); }

bool isWithin(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory + "/");
}

Failures findMount(const std::string& path, Mount& mount) {
  constexpr const char* kMounts = "/proc/self/mountinfo";
  // It would be unknown which process is in which cgroup, above all our own.
  if (!procfs::isOurs()) return {{FailureCode::UnsupportedPlatform}};
  std::string text;
  std::string own;
  int error = kernel_file::readAll(kMounts, text);
  if (error == 0) error = findPath(getpid(), own);
  if (isOutOfResources(error)) return {failureOf(error, "open", kMounts)};
  const auto chosen = chooseMount(parseMounts(text), path, own);
  if (!chosen) return {{FailureCode::CgroupNotMounted}};
  mount = *chosen;
  return {};
}

std::optional<Mount> chooseMount(std::vector<Mount> mounts, const std::string& path, const std::string& own) {
  const Mount* best = nullptr;
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    const Mount& mount = mounts[i];
    const auto hides = [&](const Mount& later) { return later.point == mount.point; };
    if (std::any_of(mounts.begin() + static_cast<std::ptrdiff_t>(i) + 1, mounts.end(), hides)) continue;
    const auto isBetterThan = [&](const Mount& other) {
      if (path.empty()) return directoryIn(mount, own) && !directoryIn(other, own);
      return isWithin(path, mount.point) && (!isWithin(path, other.point) || mount.point.size() > other.point.size());
    };
    if (best == nullptr || isBetterThan(*best)) best = &mount;
  }
  return best == nullptr ? std::nullopt : std::optional(*best);
}

bool hasItem(const std::string& list, const std::string& item) {
  return ("," + list + ",").find("," + item + ",") != std::string::npos;
}

std::vector<Mount> parseMounts(const std::string& mountinfo, const std::string& controller) {
  std::vector<Mount> mounts;
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    // 36 35 98:0 /root /point options optional... - type source options
    std::istringstream fields(line);
    std::string id;
    std::string parent;
    std::string device;
    Mount mount;
    fields >> id >> parent >> device >> mount.root >> mount.point;
    std::string field;
    while (fields >> field && field != "-") {
    }
    if (!(fields >> field) || field != (controller.empty() ? "cgroup2" : "cgroup")) continue;
    std::string options;
    fields >> field >> options;
    if (!controller.empty() && !hasItem(options, controller)) continue;
    mounts.push_back({unescaped(mount.point), unescaped(mount.root)});
  }
  return mounts;
}

std::optional<std::string> directoryIn(const Mount& mount, std::string path) {
  if (path.empty()) return std::nullopt;
  if (mount.root != "/") {
    if (!isWithin(path, mount.root)) return std::nullopt;
    path = path.substr(mount.root.size());
  }
  // Outside of our cgroup namespace it begins with `/..`.
  if (isWithin(path, "/..") || path.ends_with(" (deleted)")) return std::nullopt;
  return path.empty() || path == "/" ? mount.point : mount.point + path;
}

}  // namespace freeze_state::cgroup

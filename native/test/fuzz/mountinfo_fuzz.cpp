/// What is read out of mountinfo and /proc/<pid>/cgroup. The input is a path, a line for our own cgroup, and the text.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "../../core/os/cgroupfs.h"
#include "../../core/os/linux/rt_budget.h"

namespace {

std::string takeLine(std::string_view& text) {
  const auto end = text.find('\n');
  std::string line(text.substr(0, end));
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace freeze_state;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string path = takeLine(input);
  const std::string own = takeLine(input);
  const std::string text(input);
  const auto mounts = cgroup::parseMounts(text);
  for (const cgroup::Mount& mount : mounts) {
    // Where a mount shows a cgroup is at its point or below.
    const auto directory = cgroup::directoryIn(mount, own);
    if (directory && !directory->starts_with(mount.point)) __builtin_trap();
  }
  const auto chosen = cgroup::chooseMount(mounts, path, own);
  if (chosen.has_value() == mounts.empty()) __builtin_trap();
  rt_budget::groupOf(own + "\n" + text, text);
  return 0;
}

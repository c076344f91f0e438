/// The readers of /proc/<pid>/{stat,status,cgroup} and of task/<tid>/children: each finds the input in its file.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "../../core/os/cgroup_location.h"
#include "../../core/os/linux/process_table.h"
#include "../../core/os/linux/procfs.h"
#include "../../core/os/linux/thread_scan.h"
#include "../../core/slice.h"

namespace {

/// No process has it.
constexpr freeze_state::Pid kPid = 0x7fffffff;
constexpr std::string_view kItsFiles = "/proc/2147483647/";
/// For code that reads another file afterwards, so that it gets that far.
constexpr std::string_view kStat = "1 (a) S 1 1 1 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 5 1 1\n";

const int kInput = memfd_create("input", MFD_CLOEXEC);
const int kLiving = memfd_create("stat", MFD_CLOEXEC);
bool isAlive = false;

void fill(int fd, const void* data, std::size_t size) {
  if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
}

}  // namespace

extern "C" {

// By -Wl,--wrap=open.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int __real_open(const char* path, int flags, ...);
int __wrap_open(const char* path, int flags, ...);

int __wrap_open(const char* path, int flags, ...) {
  const std::string_view name(path);
  if (!name.starts_with(kItsFiles)) return __real_open(path, flags, 0600);
  const int fd = isAlive && name.ends_with("/stat") ? kLiving : kInput;
  lseek(fd, 0, SEEK_SET);
  return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace freeze_state;
  fill(kInput, data, size);
  fill(kLiving, kStat.data(), kStat.size());
  isAlive = false;
  ProcessEntry entry;
  if (const int error = procfs::read(kPid, entry); error != 0 && error != EIO) std::abort();
  procfs::isKernelThread(kPid);
  procfs::probe(kPid);
  procfs::hasStopPending(kPid);
  procfs::tracerOf(kPid);
  procfs::isThread(kPid);
  procfs::line(kPid, "wchan");

  isAlive = true;
  LinuxProcessTable table(LinuxProcessTable::Means::ChildrenFiles);
  std::vector<Pid> children;
  table.children()->read(kPid, children, Slice());
  // A value that is not a valid pid belongs to no process.
  for (const Pid child : children) {
    if (child <= 0) std::abort();
  }
  std::string directory;
  cgroup::findDirectory(kPid, {"/mount", "/"}, directory);
  if (!directory.empty() && !directory.starts_with("/mount")) std::abort();
  return 0;
}
}

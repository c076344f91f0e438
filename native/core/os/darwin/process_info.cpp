#include "process_info.h"

#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <iterator>

// Declared here, since Zig has no libproc.h, and no SDK has the second structure. Applications rely on both: programs
// that were compiled for an earlier macOS call them in the same way.
// NOLINTBEGIN(readability-identifier-naming)
extern "C" int proc_pidinfo(int pid, int flavor, std::uint64_t arg, void* buffer, int size);
extern "C" int proc_listpids(std::uint32_t type, std::uint32_t of, void* buffer, int size);
// NOLINTEND(readability-identifier-naming)

namespace freeze_state::process_info {

namespace {

/// proc_bsdshortinfo of sys/proc_info.h.
struct ShortInfo {
  static constexpr int kFlavor = 13;
  std::uint32_t pid;
  std::uint32_t parent;
  std::uint32_t group;
  std::uint32_t status;
  std::array<char, 16> name;
  std::uint32_t flags;
  std::array<std::uint32_t, 6> users;
  std::uint32_t reserved;
};
static_assert(offsetof(ShortInfo, flags) == 32 && sizeof(ShortInfo) == 64);

/// proc_uniqidentifierinfo of sys/proc_info_private.h, with room for what later versions may add.
struct UniqueInfo {
  static constexpr int kFlavor = 17;
  std::array<std::uint8_t, 16> executable;
  std::uint64_t id;
  std::array<std::uint64_t, 13> rest;
};
static_assert(offsetof(UniqueInfo, id) == 16 && sizeof(UniqueInfo) == 128);

// Of the same headers, and of sys/proc.h.
constexpr std::uint64_t kZombiesToo = 1;
constexpr std::uint32_t kAllPids = 1;
constexpr std::uint32_t kGroup = 2;
constexpr std::uint32_t kChildrenOf = 6;
constexpr std::uint32_t kStopped = 4;
constexpr std::uint32_t kZombie = 5;
constexpr std::uint32_t kFlagSystem = 0x1;
constexpr std::uint32_t kFlagExiting = 0x4;

/// Both flavors are answered about processes of other users, too; those that say more are not.
template <typename Answer>
int ask(Pid pid, Answer& answer) noexcept {
  errno = 0;
  const int size = proc_pidinfo(pid, Answer::kFlavor, kZombiesToo, &answer, static_cast<int>(sizeof(answer)));
  if (size > 0) return 0;
  return errno == 0 ? ESRCH : errno;
}

char letterOf(std::uint32_t status) noexcept {
  if (status == kZombie) return 'Z';
  return status == kStopped ? 'T' : 'R';
}

int list(std::uint32_t type, Pid of, std::vector<Pid>& pids) {
  std::vector<Pid> found;
  for (std::size_t room = 256;; room *= 2) {
    found.resize(room);
    errno = 0;
    const int size =
        proc_listpids(type, static_cast<std::uint32_t>(of), found.data(), static_cast<int>(room * sizeof(Pid)));
    if (size <= 0 && errno != 0) return errno;
    const std::size_t count = static_cast<std::size_t>(std::max(size, 0)) / sizeof(Pid);
    if (count >= room) continue;  // there may be more
    found.resize(count);
    break;
  }
  // The newest come first, though nothing promises that. Callers take the last for the newest, and rely on it no more
  // than that.
  std::ranges::reverse(found);
  std::ranges::copy_if(found, std::back_inserter(pids), [](Pid pid) { return pid > 0; });
  return 0;
}

}  // namespace

int read(Pid pid, Info& info) noexcept {
  UniqueInfo before{};
  UniqueInfo after{};
  ShortInfo now{};
  // Three answers about a number: they are about one process if the first and the last are.
  do {
    if (const int error = ask(pid, before); error != 0) return error;
    if (const int error = ask(pid, now); error != 0) return error;
    if (const int error = ask(pid, after); error != 0) return error;
  } while (before.id != after.id);
  info.entry = {.state = letterOf(now.status),
                .parent = static_cast<Pid>(now.parent),
                .group = static_cast<Pid>(now.group),
                .threads = 1,
                .startTime = after.id};
  if ((now.flags & kFlagSystem) != 0) info.entry.flags |= ProcessEntry::kKernelThread;
  if ((now.flags & kFlagExiting) != 0) info.entry.flags |= ProcessEntry::kExiting;
  info.name = now.name;
  info.name.back() = '\0';
  return 0;
}

ProcessState stateOf(const ProcessEntry& entry) noexcept {
  if (entry.hasExited()) return ProcessState::Zombie;
  return entry.state == 'T' ? ProcessState::Stopped : ProcessState::Running;
}

int listAll(std::vector<Pid>& pids) { return list(kAllPids, 0, pids); }

int listGroup(Pid group, std::vector<Pid>& pids) { return list(kGroup, group, pids); }

int listChildren(Pid parent, std::vector<Pid>& pids) { return list(kChildrenOf, parent, pids); }

}  // namespace freeze_state::process_info

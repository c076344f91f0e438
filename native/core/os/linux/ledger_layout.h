#pragma once

#include <array>
#include <atomic>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// How the ledger lies in its file: the one thing that the core and the guardian share. Written by the core alone,
/// through a mapping; read by the guardian, by pread(2), once the core's process has died.
namespace freeze_state::ledger {

/// Changes with the layout: a guardian of another version does not start.
inline constexpr std::uint32_t kVersion = 5;

/// A process or a process group. A line of the cache each, so that two threads do not share one.
struct alignas(64) ProcessSlot {
  enum class Kind : std::uint8_t { Free, Process, Group };

  std::atomic<std::uint32_t> mark;  ///< not 0: it is stopped by us, or about to be. 0 before the identity changes
  Kind kind;
  std::int32_t number;
  std::int32_t session;
  std::uint64_t startTime;  ///< 0: not known
  std::uint64_t inode;      ///< 0: not known
  std::uint32_t next;       ///< of a free slot: the free one after it
  std::atomic<std::uint32_t>
      endsWithUs;  ///< not 0: it is killed when we die, marked or not. 0 until the identity is there
};
static_assert(sizeof(ProcessSlot) == 64 && std::atomic<std::uint32_t>::is_always_lock_free);

/// A control group.
struct CgroupSlot {
  std::atomic<std::uint32_t> mark;
  std::atomic<std::uint32_t> isUsed;
  std::uint32_t isOwned;
  std::uint32_t next;
  std::uint64_t inode;
  std::uint64_t endsWithUs;         ///< as of a process
  std::array<char, PATH_MAX> path;  ///< ends with a 0
};

/// A tag that marks processes that are to end with us, whatever became of their parents.
struct alignas(64) TagSlot {
  std::atomic<std::uint32_t> isUsed;
  std::uint32_t next;
  std::array<char, 56> tag;  ///< ends with a 0
};

/// The variable of a process's environment that has such tags, with spaces in between.
inline constexpr std::string_view kTagVariable = "FREEZE_STATE_SANDBOX";

/// At the beginning of the file.
struct Header {
  std::uint32_t version;
  std::atomic<std::uint32_t> processes;  ///< how many slots were ever used
  std::atomic<std::uint32_t> cgroups;
  std::atomic<std::uint32_t> tags;
};

inline constexpr std::uint32_t kMaxProcesses = 1U << 18;
inline constexpr std::uint32_t kMaxCgroups = 1U << 12;
inline constexpr std::uint32_t kMaxTags = 1U << 12;
inline constexpr std::size_t kProcessesAt = 4096;
inline constexpr std::size_t kCgroupsAt = kProcessesAt + (kMaxProcesses * sizeof(ProcessSlot));
inline constexpr std::size_t kTagsAt = kCgroupsAt + (kMaxCgroups * sizeof(CgroupSlot));
/// The size of the mapping, and of the file.
inline constexpr std::size_t kSize = kTagsAt + (kMaxTags * sizeof(TagSlot));
static_assert(kCgroupsAt % alignof(CgroupSlot) == 0 && kTagsAt % alignof(TagSlot) == 0);

/// What the guardian says once it is ready, by the socket that it was given. Silence, and an end of the socket, say
/// that it could not start.
struct Hello {
  std::uint32_t version = kVersion;
  std::int32_t pid = 0;               ///< its own
  std::uint32_t seesParent = 0;       ///< the number that we gave it is ours in its pid namespace
  std::uint32_t hasPidfds = 0;        ///< it may use them
  std::uint64_t parentStartTime = 0;  ///< ours, as its time namespace has it; 0 where /proc does not tell
  std::uint64_t capabilities = 0;     ///< its effective ones
};

/// The program's exit code where the ledger has another version.
inline constexpr int kOtherVersion = 3;

/// The guardian's descriptors.
inline constexpr int kSocketFd = 3;
inline constexpr int kLedgerFd = 4;
inline constexpr int kParentFd = 5;  ///< a pidfd of ours; closed where there are none

/// What we tell the guardian by the socket, apart from its end.
struct Order {
  static constexpr char kRetire = 'r';      ///< end without a thaw: another one has taken over
  static constexpr char kChangeUser = 'u';  ///< take on our present users and groups: no new guardian could start

  char kind = 0;
  std::array<std::uint32_t, 3> users{};   ///< real, effective and saved (setresuid(2))
  std::array<std::uint32_t, 3> groups{};  ///< likewise (setresgid(2))
  std::uint32_t otherCount = 0;
  std::array<std::uint32_t, 64> others{};  ///< the first `otherCount`: the supplementary groups (setgroups(2))
};

}  // namespace freeze_state::ledger

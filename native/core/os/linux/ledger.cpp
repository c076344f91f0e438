#include "ledger.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace freeze_state {

using ledger::CgroupSlot;
using ledger::ProcessSlot;
using ledger::TagSlot;

namespace {

// By their numbers: the names are younger than some C libraries that we compile with.
constexpr unsigned kNoExecSeal = 8;   // MFD_NOEXEC_SEAL
constexpr int kFutureWriteSeal = 16;  // F_SEAL_FUTURE_WRITE
constexpr int kPopulateWrite = 23;    // MADV_POPULATE_WRITE

constexpr std::uint32_t kIsCgroup = 1U << 31;
constexpr std::uint32_t kIsTag = 1U << 30;

FileDescriptor createFile() noexcept {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const auto create = [](unsigned flags) {
    return static_cast<int>(syscall(SYS_memfd_create, "freeze-state-ledger", flags));
  };
  // Linux 6.3 asks for it; before that it is not known.
  FileDescriptor file(create(kFlags | kNoExecSeal));
  if (!file.isOpen() && errno == EINVAL) file.reset(create(kFlags));
  return file;
}

/// Reserves the pages of the memory (MADV_POPULATE_WRITE, Linux 5.14). On older kernels a page that cannot be had ends
/// us when it is written.
bool populate(void* begin, std::size_t size) noexcept {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto from = reinterpret_cast<std::uintptr_t>(begin) & ~(page - 1);
  const auto to = reinterpret_cast<std::uintptr_t>(begin) + size;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the beginning of its page
  return madvise(reinterpret_cast<void*>(from), to - from, kPopulateWrite) == 0 || errno == EINVAL;
}

}  // namespace

std::unique_ptr<MappedLedger> MappedLedger::make(FileDescriptor& file, Failure& why) noexcept {
  const auto failed = [&](const char* call) {
    why = {.code = FailureCode::GuardianFailed, .error = errno, .call = call};
    file.reset();
    return nullptr;
  };
  file = createFile();
  if (!file.isOpen()) return failed("memfd_create");
  // Sparse: it takes no memory that is not written. EFBIG where RLIMIT_FSIZE is less.
  if (ftruncate(file.get(), ledger::kSize) != 0) return failed("ftruncate");
  void* const memory = mmap(nullptr, ledger::kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file.get(), 0);
  if (memory == MAP_FAILED) return failed("mmap");
  // From here on its destructor unmaps the memory.
  std::unique_ptr<MappedLedger> made(new MappedLedger(static_cast<std::byte*>(memory)));
  if (!populate(memory, sizeof(ledger::Header))) return failed("madvise");
  // The ledger works without seals as well.
  constexpr int kShape = F_SEAL_SHRINK | F_SEAL_GROW;
  if (fcntl(file.get(), F_ADD_SEALS, kShape | kFutureWriteSeal | F_SEAL_SEAL) != 0)
    fcntl(file.get(), F_ADD_SEALS, kShape | F_SEAL_SEAL);
  // No process that is forked from us writes into it.
  madvise(memory, ledger::kSize, MADV_DONTFORK);
  made->header().version = ledger::kVersion;
  return made;
}

MappedLedger::~MappedLedger() { munmap(memory_, ledger::kSize); }

// The kernel gives zeroed memory, and a slot of zeros is a free one.
ledger::Header& MappedLedger::header() const noexcept { return *reinterpret_cast<ledger::Header*>(memory_); }
ProcessSlot* MappedLedger::processes() const noexcept {
  return reinterpret_cast<ProcessSlot*>(memory_ + ledger::kProcessesAt);
}
CgroupSlot* MappedLedger::cgroups() const noexcept {
  return reinterpret_cast<CgroupSlot*>(memory_ + ledger::kCgroupsAt);
}

TagSlot* MappedLedger::tags() const noexcept { return reinterpret_cast<TagSlot*>(memory_ + ledger::kTagsAt); }

/// A free slot, or null where there is no room for another. The lock is held.
template <typename Slot>
Slot* MappedLedger::take(Pool& pool, std::atomic<std::uint32_t>& used, Slot* slots, std::uint32_t limit) noexcept {
  if (pool.free != 0) {
    Slot& slot = slots[pool.free - 1];
    pool.free = slot.next;
    return &slot;
  }
  const std::uint32_t next = used.load(std::memory_order_relaxed);  // only we write it, under the lock
  if (next == limit) return nullptr;
  if (next == pool.reserved) {
    constexpr std::size_t kStep = 16384;
    const auto count = static_cast<std::uint32_t>(std::max<std::size_t>(kStep / sizeof(Slot), 1));
    if (!populate(&slots[next], count * sizeof(Slot))) return nullptr;
    pool.reserved += count;
  }
  used.store(next + 1, std::memory_order_release);
  return &slots[next];
}

LedgerEntry MappedLedger::enter(const LedgerIdentity& identity, AtDeath atDeath) noexcept {
  const bool isKnown = identity.startTime != 0 || identity.inode != 0;
  if (identity.kind == LedgerIdentity::Kind::None || !isKnown) return {};
  const std::lock_guard lock(mutex_);
  ProcessSlot* const slot = take(processPool_, header().processes, processes(), ledger::kMaxProcesses);
  if (slot == nullptr) return {};
  slot->kind = identity.kind == LedgerIdentity::Kind::Process ? ProcessSlot::Kind::Process : ProcessSlot::Kind::Group;
  slot->number = identity.number;
  slot->session = identity.session;
  slot->startTime = identity.startTime;
  slot->inode = identity.inode;
  // Stored last, since the process is killed without a mark, too: a reader that sees this sees the identity.
  slot->endsWithUs.store(atDeath == AtDeath::Ended ? 1 : 0, std::memory_order_release);
  return {*this, static_cast<std::uint32_t>(slot - processes()), slot->mark};
}

LedgerEntry MappedLedger::enter(const LedgerCgroup& cgroup, AtDeath atDeath) noexcept {
  const std::lock_guard lock(mutex_);
  if (cgroup.path.size() >= sizeof(CgroupSlot::path)) return {};
  CgroupSlot* const slot = take(cgroupPool_, header().cgroups, cgroups(), ledger::kMaxCgroups);
  if (slot == nullptr) return {};
  slot->inode = cgroup.inode;
  slot->isOwned = cgroup.isOwned ? 1 : 0;
  slot->endsWithUs = atDeath == AtDeath::Ended ? 1 : 0;
  cgroup.path.copy(slot->path.data(), cgroup.path.size());
  slot->path.at(cgroup.path.size()) = '\0';
  // Stored last, since an owned group is removed without a mark, too: a reader that sees this sees the rest.
  slot->isUsed.store(1, std::memory_order_release);
  return {*this, static_cast<std::uint32_t>(slot - cgroups()) | kIsCgroup, slot->mark};
}

LedgerEntry MappedLedger::enterTag(std::string_view tag) noexcept {
  const std::lock_guard lock(mutex_);
  if (tag.empty() || tag.size() >= sizeof(TagSlot::tag)) return {};
  TagSlot* const slot = take(tagPool_, header().tags, tags(), ledger::kMaxTags);
  if (slot == nullptr) return {};
  tag.copy(slot->tag.data(), tag.size());
  slot->tag.at(tag.size()) = '\0';
  slot->isUsed.store(1, std::memory_order_release);
  return {*this, static_cast<std::uint32_t>(slot - tags()) | kIsTag, slot->isUsed};
}

void MappedLedger::awaitReader() noexcept {
  constexpr std::chrono::seconds kLongest(1);
  if (isWaitOver_) return;
  std::unique_lock lock(mutex_);
  waitEnded_.waitUntil(lock, Clock::now() + kLongest, [&] { return isWaitOver_.load(); });
  // A guardian that did not answer in time once is not waited for again.
  isWaitOver_ = true;
}

void MappedLedger::endWait() noexcept {
  const std::lock_guard lock(mutex_);
  isWaitOver_ = true;
  waitEnded_.notifyAll();
}

void MappedLedger::leave(std::uint32_t slot) noexcept {
  const std::lock_guard lock(mutex_);
  const std::uint32_t index = slot & ~(kIsCgroup | kIsTag);
  if ((slot & kIsCgroup) != 0) {
    cgroups()[index].isUsed = 0;
    cgroups()[index].next = std::exchange(cgroupPool_.free, index + 1);
  } else if ((slot & kIsTag) != 0) {
    tags()[index].isUsed = 0;
    tags()[index].next = std::exchange(tagPool_.free, index + 1);
  } else {
    processes()[index].endsWithUs = 0;
    processes()[index].kind = ProcessSlot::Kind::Free;
    processes()[index].next = std::exchange(processPool_.free, index + 1);
  }
}

void MappedLedger::spare(std::uint32_t slot) noexcept {
  const std::lock_guard lock(mutex_);
  const std::uint32_t index = slot & ~(kIsCgroup | kIsTag);
  if ((slot & kIsCgroup) != 0)
    cgroups()[index].endsWithUs = 0;
  else if ((slot & kIsTag) != 0)
    tags()[index].isUsed = 0;  // to be ended is all that a tag says
  else
    processes()[index].endsWithUs = 0;
}

}  // namespace freeze_state

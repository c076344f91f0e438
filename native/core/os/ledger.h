#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "../failure.h"

namespace freeze_state {

/// A process or a process group, as another process can verify it later: a number alone may have been reused by then.
/// `ProcessControl::identify` fills it in.
struct LedgerIdentity {
  enum class Kind : std::uint8_t {
    None,  ///< nothing tells it from another with its number, so it is not recorded
    Process,
    Group,
  };
  Kind kind = Kind::None;
  Pid number = 0;               ///< of the process, or of the group
  Pid session = 0;              ///< of a group
  std::uint64_t startTime = 0;  ///< of the process, or of the leader: proc_pid_stat(5), field 22; 0 where not known
  std::uint64_t inode = 0;      ///< of its pidfd, which is unique since boot from Linux 6.9 on; 0 where it is not
};

/// A control group, as another process can verify it later.
struct LedgerCgroup {
  std::string path;
  std::uint64_t inode = 0;  ///< of the directory
  bool isOwned = false;     ///< the guardian removes it once no process is in it
};

class Ledger;

/// One entry of a ledger; empty where there is no ledger, or no room in it. Destroying it frees its slot.
///
/// A mark is a plain store: it is set before the signal is sent and cleared after the continue. So a process that reads
/// the ledger after our death finds all that may be stopped. Used under the lock of the state that it belongs to.
class LedgerEntry {
 public:
  LedgerEntry() = default;
  LedgerEntry(Ledger& ledger, std::uint32_t slot, std::atomic<std::uint32_t>& mark) noexcept
      : ledger_(&ledger), slot_(slot), mark_(&mark) {}
  LedgerEntry(LedgerEntry&& other) noexcept
      : ledger_(std::exchange(other.ledger_, nullptr)),
        slot_(other.slot_),
        mark_(std::exchange(other.mark_, nullptr)) {}
  LedgerEntry& operator=(LedgerEntry&& other) noexcept {
    std::swap(ledger_, other.ledger_);
    std::swap(slot_, other.slot_);
    std::swap(mark_, other.mark_);
    return *this;
  }
  LedgerEntry(const LedgerEntry&) = delete;
  LedgerEntry& operator=(const LedgerEntry&) = delete;
  ~LedgerEntry();

  bool isEmpty() const noexcept { return mark_ == nullptr; }
  /// Both are release stores: a reader that sees the mark sees the identity. The system call that follows is not moved
  /// before the store.
  void mark() noexcept { set(1); }
  void clear() noexcept { set(0); }
  /// Leaves the slot as it is until the end of this process.
  void keep() noexcept { ledger_ = nullptr; }
  /// As `keep`, but the guardian will not kill what is in the slot. If it is marked, the guardian continues it when
  /// this process ends.
  void keepToContinue() noexcept;

 private:
  void set(std::uint32_t value) noexcept {
    if (mark_ != nullptr) mark_->store(value, std::memory_order_release);
  }

  Ledger* ledger_ = nullptr;
  std::uint32_t slot_ = 0;
  std::atomic<std::uint32_t>* mark_ = nullptr;
};

/// What this process has stopped, written down where it survives the process. The guardian (guardian.h) then reads it
/// and continues what is marked. It kills what was entered by `ending`, marked or not. `enter` takes a lock of the
/// ledger's own, the last that is taken; a mark takes none.
class Ledger {
 public:
  Ledger() = default;
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  virtual ~Ledger() = default;

  /// An entry that is not marked; empty where there is no room, or where the identity says too little.
  virtual LedgerEntry enter(const LedgerIdentity& identity) noexcept = 0;
  virtual LedgerEntry enter(const LedgerCgroup& cgroup) noexcept = 0;

  /// A view of this ledger for processes that are to end with this one: its `enter` writes down that they are. Null
  /// where there is none.
  virtual Ledger* ending() noexcept { return nullptr; }
  /// Every process that has the tag in a variable of its environment (`ledger_layout.h`) is to end with this one, too.
  /// Empty where there is no room, or where the tag is too long.
  virtual LedgerEntry enterTag(std::string_view /*tag*/) noexcept { return {}; }

  /// Waits until the guardian can read the ledger, or it is known that none will. The guardian is started when the
  /// first state is made, and takes about a millisecond. The wait lasts a second at most, and later calls do not wait
  /// again. Called before the first stop, under the lock of the state.
  virtual void awaitReader() noexcept = 0;

 private:
  friend class LedgerEntry;
  virtual void leave(std::uint32_t slot) noexcept = 0;
  /// The guardian will not kill what is in the slot; it may still continue it.
  virtual void spare(std::uint32_t slot) noexcept = 0;
};

inline void LedgerEntry::keepToContinue() noexcept {
  if (ledger_ != nullptr) ledger_->spare(slot_);
  keep();
}

inline LedgerEntry::~LedgerEntry() {
  if (ledger_ == nullptr) return;
  clear();
  ledger_->leave(slot_);
}

}  // namespace freeze_state

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "../condition.h"
#include "../file_descriptor.h"
#include "../ledger.h"
#include "ledger_layout.h"

namespace freeze_state {

/// A ledger in shared memory (memfd_create(2)) that can neither shrink nor be written by another process. Not inherited
/// by a fork(2). It grows by reserving memory before that is written, since a page that cannot be had would end this
/// process (SIGBUS).
class MappedLedger final : public Ledger {
 public:
  /// Null where it cannot be made, and why. `file` is its file, for the guardian; the ledger itself does not need it
  /// any more.
  static std::unique_ptr<MappedLedger> make(FileDescriptor& file, Failure& why) noexcept;
  MappedLedger(const MappedLedger&) = delete;
  MappedLedger& operator=(const MappedLedger&) = delete;
  ~MappedLedger() override;

  LedgerEntry enter(const LedgerIdentity& identity) noexcept override { return enter(identity, AtDeath::Continued); }
  LedgerEntry enter(const LedgerCgroup& cgroup) noexcept override { return enter(cgroup, AtDeath::Continued); }
  LedgerEntry enterTag(std::string_view tag) noexcept override;
  Ledger* ending() noexcept override { return &ending_; }
  void awaitReader() noexcept override;
  /// Called once the guardian can read the ledger, or none will: no `awaitReader` waits any more.
  void endWait() noexcept;

 private:
  /// What becomes of an entry's processes when we die.
  enum class AtDeath : std::uint8_t {
    Continued,  ///< if they are marked
    Ended,      ///< marked or not
  };

  /// A view whose entries are in the same ledger, marked as of processes that are to end with us.
  class Ending final : public Ledger {
   public:
    explicit Ending(MappedLedger& all) noexcept : all_(all) {}
    LedgerEntry enter(const LedgerIdentity& identity) noexcept override { return all_.enter(identity, AtDeath::Ended); }
    LedgerEntry enter(const LedgerCgroup& cgroup) noexcept override { return all_.enter(cgroup, AtDeath::Ended); }
    LedgerEntry enterTag(std::string_view tag) noexcept override { return all_.enterTag(tag); }
    void awaitReader() noexcept override { all_.awaitReader(); }

   private:
    // An entry belongs to the ledger itself.
    void leave(std::uint32_t /*slot*/) noexcept override {}
    void spare(std::uint32_t /*slot*/) noexcept override {}
    MappedLedger& all_;
  };

  /// The free slots of one kind, as a list through their `next`: taking one, and giving it back, allocates nothing.
  struct Pool {
    std::uint32_t free = 0;      ///< index + 1 of the first; 0: none
    std::uint32_t reserved = 0;  ///< how many slots have memory
  };

  explicit MappedLedger(std::byte* memory) noexcept : memory_(memory) {}
  LedgerEntry enter(const LedgerIdentity& identity, AtDeath atDeath) noexcept;
  LedgerEntry enter(const LedgerCgroup& cgroup, AtDeath atDeath) noexcept;
  void leave(std::uint32_t slot) noexcept override;
  void spare(std::uint32_t slot) noexcept override;
  template <typename Slot>
  Slot* take(Pool& pool, std::atomic<std::uint32_t>& used, Slot* slots, std::uint32_t limit) noexcept;

  ledger::Header& header() const noexcept;
  ledger::ProcessSlot* processes() const noexcept;
  ledger::CgroupSlot* cgroups() const noexcept;
  ledger::TagSlot* tags() const noexcept;

  std::byte* const memory_;
  Ending ending_{*this};

  std::mutex mutex_;  ///< guards the rest, and the slots but for their marks
  Condition waitEnded_;
  std::atomic<bool> isWaitOver_{false};
  Pool processPool_;
  Pool cgroupPool_;
  Pool tagPool_;
};

}  // namespace freeze_state

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "../core/os/linux/ledger_layout.h"

/// What the ledger says, and whether what it names still is there.
namespace freeze_state::guardian {

/// Reads `size` bytes of the ledger; false where it does not have them. By pread(2) and not by a mapping, since a file
/// that shrinks would end us (SIGBUS).
bool readLedger(void* into, std::size_t size, std::size_t offset);

/// Reads the ledger's header. False where there is none, or it has another version.
bool readHeader(ledger::Header& header);

/// Room for some slots of a table. There is one buffer for each table, and one thread, which reads into it.
/// `touchMemory` has written to those that a thaw needs before there is anything to thaw.
template <typename Slot>
struct alignas(Slot) Buffer {
  static constexpr std::size_t kSlots = std::max<std::size_t>(4, 8192 / sizeof(Slot));
  std::array<std::byte, sizeof(Slot) * kSlots> bytes;
};
template <typename Slot>
inline Buffer<Slot> buffer;

/// Writes to all memory that a thaw needs. Where our control group has used up its memory, the first write to a page
/// makes the kernel kill another process of the group. That may be a member, since the emulator has died already.
void touchMemory();

/// Calls `visit` with each of the first `count` slots of the table at `offset`.
template <typename Slot, typename Visit>
void forEach(std::uint32_t count, std::size_t offset, Visit visit) {
  constexpr std::size_t kSlots = Buffer<Slot>::kSlots;
  std::byte* const bytes = buffer<Slot>.bytes.data();
  for (std::uint32_t done = 0; done < count; done += kSlots) {
    const std::size_t some = std::min<std::size_t>(count - done, kSlots);
    if (!readLedger(bytes, some * sizeof(Slot), offset + (done * sizeof(Slot)))) return;
    for (std::size_t i = 0; i < some; ++i) visit(*reinterpret_cast<const Slot*>(bytes + (i * sizeof(Slot))));
  }
}

/// Calls `visit` with each recorded process and process group.
template <typename Visit>
void forEachProcess(Visit visit) {
  ledger::Header header{};
  if (!readHeader(header)) return;
  const std::uint32_t count = std::min(header.processes.load(), ledger::kMaxProcesses);
  forEach<ledger::ProcessSlot>(count, ledger::kProcessesAt, [&](const ledger::ProcessSlot& slot) {
    // A number of 0 or 1 would be a group, or every process.
    if (slot.kind != ledger::ProcessSlot::Kind::Free && slot.number > 1) visit(slot);
  });
}

/// Calls `visit` with each recorded control group.
template <typename Visit>
void forEachCgroup(Visit visit) {
  ledger::Header header{};
  if (!readHeader(header)) return;
  const std::uint32_t count = std::min(header.cgroups.load(), ledger::kMaxCgroups);
  forEach<ledger::CgroupSlot>(count, ledger::kCgroupsAt, [&](const ledger::CgroupSlot& slot) {
    if (slot.isUsed.load() != 0 && slot.path.back() == '\0') visit(slot);
  });
}

/// Calls `visit` with each recorded tag.
template <typename Visit>
void forEachTag(Visit visit) {
  ledger::Header header{};
  if (!readHeader(header)) return;
  const std::uint32_t count = std::min(header.tags.load(), ledger::kMaxTags);
  forEach<ledger::TagSlot>(count, ledger::kTagsAt, [&](const ledger::TagSlot& slot) {
    if (slot.isUsed.load() != 0 && slot.tag.back() == '\0' && slot.tag.front() != '\0') visit(slot.tag);
  });
}

/// Whether the process that has the slot's number now is the recorded one. `fd` is a pidfd of it, or -1.
bool isRecorded(const ledger::ProcessSlot& slot, int fd);

/// Whether no process has that number, though a group may have it.
bool hasNoProcess(int number);

/// Sends the signal to the recorded process, or to the group that it leads. Sends nothing if the number belongs to
/// another process or group by now. If the signal does not go through a pidfd, the number could be reused between the
/// check and the signal.
void signalRecorded(const ledger::ProcessSlot& slot, int signal);
/// Sends the signal to a recorded group whose leader was reaped. Without a /proc of our own it may take a fraction of a
/// second to find out whether that is the group still.
void signalLeaderless(const ledger::ProcessSlot& slot, int signal);

/// Opens the slot's directory, if it is a control group and the recorded one; else -1.
int openRecorded(const ledger::CgroupSlot& slot);

/// Writes to a file of a control group. False where there is no such file, or it is refused.
bool writeFile(int directory, const char* name, const char* text);

/// Opens cgroup.freeze of each control group in the ledger, for a later `writeFreeze`: after a change of the user we
/// may not any more.
void keepFreezeFiles();

/// Writes to cgroup.freeze of the recorded group, by the file that was kept open if there is one.
void writeFreeze(const ledger::CgroupSlot& slot, const char* text);

}  // namespace freeze_state::guardian

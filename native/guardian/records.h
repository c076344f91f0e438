#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "../core/os/linux/ledger_layout.h"

/// What the ledger says, and whether what it names still is there.
namespace freeze_state::guardian {

/// Reads that much of the ledger; false where it is not there. Not by a mapping: a file that shrinks would end us.
bool readLedger(void* into, std::size_t size, std::size_t offset);

/// False where there is none that we could read.
bool readHeader(ledger::Header& header);

/// Calls with each slot of a table.
template <typename Slot, std::size_t AtOnce, typename Visit>
void forEach(std::uint32_t count, std::size_t offset, Visit visit) {
  // Not on the stack; one thread.
  alignas(Slot) static std::array<std::byte, sizeof(Slot) * AtOnce> buffer;
  for (std::uint32_t done = 0; done < count; done += AtOnce) {
    const std::size_t some = std::min<std::size_t>(count - done, AtOnce);
    if (!readLedger(buffer.data(), some * sizeof(Slot), offset + (done * sizeof(Slot)))) return;
    for (std::size_t i = 0; i < some; ++i) visit(*reinterpret_cast<const Slot*>(&buffer[i * sizeof(Slot)]));
  }
}

/// With each process and process group.
template <typename Visit>
void forEachProcess(Visit visit) {
  ledger::Header header{};
  if (!readHeader(header)) return;
  const std::uint32_t count = std::min(header.processes.load(), ledger::kMaxProcesses);
  forEach<ledger::ProcessSlot, 64>(count, ledger::kProcessesAt, [&](const ledger::ProcessSlot& slot) {
    // A number of 0 or 1 would be a group, or every process.
    if (slot.kind != ledger::ProcessSlot::Kind::Free && slot.number > 1) visit(slot);
  });
}

template <typename Visit>
void forEachCgroup(Visit visit) {
  ledger::Header header{};
  if (!readHeader(header)) return;
  const std::uint32_t count = std::min(header.cgroups.load(), ledger::kMaxCgroups);
  forEach<ledger::CgroupSlot, 4>(count, ledger::kCgroupsAt, [&](const ledger::CgroupSlot& slot) {
    if (slot.isUsed.load() != 0 && slot.path.back() == '\0') visit(slot);
  });
}

template <typename Visit>
void forEachWord(Visit visit) {
  ledger::Header header{};
  if (!readHeader(header)) return;
  const std::uint32_t count = std::min(header.words.load(), ledger::kMaxWords);
  forEach<ledger::WordSlot, 64>(count, ledger::kWordsAt, [&](const ledger::WordSlot& slot) {
    if (slot.isUsed.load() != 0 && slot.word.back() == '\0' && slot.word.front() != '\0') visit(slot.word);
  });
}

/// Whether the process that has the number, and of which `fd` is a pidfd if there are any, is the recorded one.
bool isRecorded(const ledger::ProcessSlot& slot, int fd);

/// Whether no process has that number, though a group may have it.
bool hasNoProcess(int number);

/// The directory, if it is a control group, and the recorded one; else -1.
int openRecorded(const ledger::CgroupSlot& slot);

/// Writes to a file of a control group. False where there is no such file, or it is refused.
bool writeFile(int directory, const char* name, const char* text);

}  // namespace freeze_state::guardian

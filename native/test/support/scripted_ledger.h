#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <variant>

#include "../../core/os/ledger.h"

namespace freeze_state::test {

/// A ledger in ordinary memory, which tells what is in it and what is marked.
class ScriptedLedger final : public Ledger {
 public:
  LedgerEntry enter(const LedgerIdentity& identity) noexcept override {
    if (identity.kind == LedgerIdentity::Kind::None) return {};
    return take(identity.number);
  }
  LedgerEntry enter(const LedgerCgroup& /*cgroup*/) noexcept override { return take(kCgroup); }
  void awaitReader() noexcept override {
    ++waits;
    onWait();
  }

  /// The numbers of all that is marked; a control group counts as `kCgroup`.
  std::set<Pid> marked() const {
    std::set<Pid> numbers;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i] && marks_[i] != 0) numbers.insert(*slots_[i]);
    }
    return numbers;
  }
  /// The numbers of all that was spared, and stays on the ledger.
  std::set<Pid> spared() const {
    std::set<Pid> numbers;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i] && isSpared_[i]) numbers.insert(*slots_[i]);
    }
    return numbers;
  }
  std::size_t size() const {
    std::size_t count = 0;
    for (const auto& slot : slots_) count += slot ? 1 : 0;
    return count;
  }

  static constexpr Pid kCgroup = -1;
  int waits = 0;
  std::function<void()> onWait = [] {};
  bool isFull = false;

 private:
  LedgerEntry take(Pid number) {
    for (std::uint32_t i = 0; i < slots_.size() && !isFull; ++i) {
      if (slots_[i]) continue;
      slots_[i] = number;
      isSpared_[i] = false;
      return {*this, i, marks_[i]};
    }
    return {};
  }
  void leave(std::uint32_t slot) noexcept override { slots_.at(slot).reset(); }
  void spare(std::uint32_t slot) noexcept override { isSpared_.at(slot) = true; }

  std::array<std::optional<Pid>, 64> slots_;
  std::array<std::atomic<std::uint32_t>, 64> marks_{};
  std::array<bool, 64> isSpared_{};
};

}  // namespace freeze_state::test

#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <functional>
#include <memory>

#include "../../core/os/file_descriptor.h"
#include "../../core/os/linux/ledger.h"
#include "child.h"

namespace freeze_state::test {

/// A ledger of the core, and its file, which the guardian's code reads by a descriptor of a fixed number: in a fork,
/// where that number is free to take.
class LedgerFile {
 public:
  LedgerFile() {
    Failure why{};
    FileDescriptor made;
    ledger_ = MappedLedger::make(made, why);
    REQUIRE(ledger_);
    // Out of the way of the numbers that a guardian is given.
    constexpr int kLowest = 10;
    file_.reset(fcntl(made.get(), F_DUPFD_CLOEXEC, kLowest));
  }

  MappedLedger& operator*() const { return *ledger_; }
  MappedLedger* operator->() const { return ledger_.get(); }

  int fd() const noexcept { return file_.get(); }

  /// What the body returns in a fork that reads the ledger.
  int read(const std::function<int()>& body) const {
    return runInFork([&] { return dup2(fd(), ledger::kLedgerFd) < 0 ? -1 : body(); });
  }

 private:
  FileDescriptor file_;
  std::unique_ptr<MappedLedger> ledger_;
};

}  // namespace freeze_state::test

#pragma once

#include <cerrno>

#include "../process_table.h"

namespace freeze_state {

/// For systems without /proc: nothing tells who is whose child.
class NoTable final : public ProcessTable {
 public:
  bool isKnown() const noexcept override { return false; }
  void startOver() noexcept override {}
  int beginPass(Deadline /*until*/) override { return ENOSYS; }
  int children(Pid /*pid*/, std::vector<Pid>& /*list*/, Deadline /*until*/) override { return ENOSYS; }
  int relation(Pid /*pid*/, Relation& /*relation*/) override { return ENOSYS; }
  bool sharesMemory(Pid /*parent*/, Pid /*child*/) override { return false; }
  void pause() override {}
};

}  // namespace freeze_state

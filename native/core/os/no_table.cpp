#include <cerrno>

#include "process_table.h"

namespace freeze_state {

namespace {

/// For systems without /proc: nothing tells what a process does, or which process is the child of which.
class NoTable final : public ProcessTable {
 public:
  bool isAvailable() const noexcept override { return false; }
  bool showsAll() const noexcept override { return false; }
  int read(Pid /*pid*/, ProcessEntry& /*entry*/) noexcept override { return ENOSYS; }
  ProcessState probe(Pid /*pid*/) noexcept override { return ProcessState::Unknown; }
  std::optional<ProcessState> probe(Pid /*pid*/, ThreadScan& /*scan*/, const Slice& /*slice*/) noexcept override {
    return ProcessState::Unknown;
  }
  Pid groupOf(Pid /*pid*/) noexcept override { return 0; }
  bool sharesMemory(Pid /*parent*/, Pid /*child*/) noexcept override { return true; }
  std::unique_ptr<ProcessWalk> walk() override { return std::make_unique<NoWalk>(); }
  std::unique_ptr<ChildReader> children() override { return std::make_unique<NoChildren>(); }

 private:
  class NoWalk final : public ProcessWalk {
   public:
    bool next(Pid& /*pid*/) noexcept override { return false; }
    int error() const noexcept override { return ENOSYS; }
  };
  class NoChildren final : public ChildReader {
   public:
    void reset() noexcept override {}
    std::optional<int> beginPass(const Slice& /*slice*/) override { return ENOSYS; }
    std::optional<int> read(Pid /*pid*/, std::vector<Pid>& /*children*/, const Slice& /*slice*/) override {
      return ENOSYS;
    }
  };
};

}  // namespace

ProcessTable& systemTable() noexcept {
  static ProcessTable& only = *new NoTable();
  return only;
}

}  // namespace freeze_state

#include "process_table.h"

#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "process_info.h"

namespace freeze_state {

namespace {

class PidList final : public ProcessWalk {
 public:
  PidList() : error_(process_info::listAll(pids_)) {}
  bool next(Pid& pid) noexcept override {
    if (next_ == pids_.size()) return false;
    pid = pids_[next_++];
    return true;
  }
  int error() const noexcept override { return error_; }

 private:
  std::vector<Pid> pids_;
  std::size_t next_ = 0;
  const int error_;
};

/// Asks for the children of each process, which is one call: there is nothing to cut short.
class ChildrenOfEach final : public ChildReader {
 public:
  void reset() noexcept override {}
  std::optional<int> beginPass(const Slice& /*slice*/) override { return 0; }
  std::optional<int> read(Pid pid, std::vector<Pid>& children, const Slice& /*slice*/) override {
    process_info::Info info;
    if (const int error = process_info::read(pid, info); error != 0) return error;
    return process_info::listChildren(pid, children);
  }
};

}  // namespace

int DarwinProcessTable::read(Pid pid, ProcessEntry& entry) noexcept {
  process_info::Info info;
  const int error = process_info::read(pid, info);
  if (error == 0) entry = info.entry;
  return error;
}

ProcessState DarwinProcessTable::probe(Pid pid) noexcept {
  ProcessEntry entry;
  const int error = read(pid, entry);
  if (error == ESRCH) return ProcessState::Gone;
  return error == 0 ? process_info::stateOf(entry) : ProcessState::Unknown;
}

std::optional<ProcessState> DarwinProcessTable::probe(Pid pid, ThreadScan& /*scan*/, const Slice& /*slice*/) noexcept {
  return probe(pid);
}

bool DarwinProcessTable::isExiting(Pid pid) noexcept {
  ProcessEntry entry;
  return read(pid, entry) == 0 && entry.isExiting();
}

Pid DarwinProcessTable::groupOf(Pid pid) noexcept {
  const Pid group = getpgid(pid);
  return group < 0 ? 0 : group;
}

ProcessDoing DarwinProcessTable::describe(Pid pid) {
  process_info::Info info;
  if (process_info::read(pid, info) != 0) return {};
  ProcessDoing doing;
  doing.name = info.name.data();
  doing.state = info.entry.state;
  return doing;
}

std::unique_ptr<ProcessWalk> DarwinProcessTable::walk() { return std::make_unique<PidList>(); }

std::unique_ptr<ChildReader> DarwinProcessTable::children() { return std::make_unique<ChildrenOfEach>(); }

}  // namespace freeze_state

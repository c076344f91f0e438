#include "model.h"

namespace freeze_state::test {

namespace {

thread_local std::uint64_t caller = 0;

}  // namespace

void Model::setCaller(std::uint64_t mark) noexcept { caller = mark; }

Failures Model::open(Pid pid, Process& process) noexcept {
  process.pid = pid;
  process.fd = pid;
  return {};
}

int Model::send(const Process& process, Signal signal) noexcept {
  Modelled& modelled = processes_[static_cast<std::size_t>(process.pid - kFirst)];
  ++modelled.signals;
  modelled.stoppedBy.store(signal == Signal::Stop ? caller : kRunning);
  return 0;
}

ProcessState Model::probe(const Process& process) noexcept {
  const bool runs = stoppedBy(static_cast<std::size_t>(process.pid - kFirst)) == kRunning;
  return runs ? ProcessState::Sleeping : ProcessState::Stopped;
}

void Model::findExited(std::span<Process* const>) noexcept {}

}  // namespace freeze_state::test

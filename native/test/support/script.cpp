#include "script.h"

#include <cerrno>
#include <utility>

#include "../../core/modes/none.h"
#include "process_freezer.h"

namespace freeze_state::test {

void Script::answer(Pid pid, Signal signal, int error) { answers_[{pid, signal}] = error; }

void Script::exited(Pid pid) {
  exited_.insert(pid);
  exitedUnseen(pid);
}

void Script::exitedUnseen(Pid pid) {
  answer(pid, Signal::Stop, ESRCH);
  answer(pid, Signal::Continue, ESRCH);
}

void Script::absent(Pid pid, bool isAbsent) {
  if (isAbsent)
    absent_.insert(pid);
  else
    absent_.erase(pid);
}

void Script::stopped(Pid pid) {
  const std::lock_guard lock(mutex_);
  stopped_.insert(pid);
}

void Script::continued(Pid pid) {
  const std::lock_guard lock(mutex_);
  stopped_.erase(pid);
}

void Script::refuseOpen(Pid pid, FailureCode code) { refusedOpens_[pid] = code; }
void Script::unsupported() { isSupported_ = false; }

void Script::seenAs(Pid pid, ProcessState state) { seenAs_[pid] = state; }

void Script::stuck(Pid pid, bool isStuck) {
  if (isStuck)
    stuck_.insert(pid);
  else
    stuck_.erase(pid);
}

void Script::cutShort(Pid pid, int times) { cutShort_[pid] = times; }

void Script::onSend(std::size_t nth, std::function<void()> hook) { sendHooks_[nth] = std::move(hook); }
void Script::onEverySend(std::function<void()> hook) { everySendHook_ = std::move(hook); }
void Script::onPause(std::function<void()> hook) { pauseHook_ = std::move(hook); }
void Script::onProbe(std::function<void()> hook) { probeHook_ = std::move(hook); }
void Script::onOpen(std::function<void()> hook) { openHook_ = std::move(hook); }

std::string Script::log() {
  const std::lock_guard lock(mutex_);
  return std::exchange(log_, {});
}

std::size_t Script::count(Signal signal) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(signal);
  return found == counts_.end() ? 0 : found->second;
}

bool Script::isStopped(Pid pid) const {
  const std::lock_guard lock(mutex_);
  return stopped_.contains(pid);
}

std::size_t Script::stoppedCount() const {
  const std::lock_guard lock(mutex_);
  return stopped_.size();
}

std::multiset<Pid> Script::held() const {
  const std::lock_guard lock(mutex_);
  return held_;
}

Failures Script::open(Pid pid, Process& process) noexcept {
  if (const auto hook = std::exchange(openHook_, nullptr)) hook();
  if (const auto refused = refusedOpens_.find(pid); refused != refusedOpens_.end()) return {{refused->second, pid}};
  process.pid = pid;
  process.hasExited = absent_.contains(pid);
  if (process.hasExited) return {};
  // A script has no descriptors; the number only says that something is held.
  process.fd = pid;
  const std::lock_guard lock(mutex_);
  held_.insert(pid);
  return {};
}

void Script::release(Process& process) noexcept {
  if (process.fd < 0) return;
  const std::lock_guard lock(mutex_);
  held_.erase(held_.find(process.fd));
  process.fd = -1;
}

bool Script::keep(Process& process) noexcept {
  if (!isKeeping) return false;
  release(process);
  kept_.insert(process.pid);
  return true;
}

bool Script::reopen(Process& process) noexcept {
  if (kept_.erase(process.pid) == 0) return false;
  process.fd = process.pid;
  const std::lock_guard lock(mutex_);
  held_.insert(process.pid);
  return true;
}

int Script::send(const Process& process, Signal signal) noexcept {
  std::size_t nth = 0;
  {
    const std::lock_guard lock(mutex_);
    nth = ++sends_;
  }
  if (everySendHook_) everySendHook_();
  if (const auto hook = sendHooks_.find(nth); hook != sendHooks_.end()) hook->second();
  const auto answered = answers_.find({process.pid, signal});
  const int error = answered == answers_.end() ? 0 : answered->second;
  const bool isStop = signal == Signal::Stop;

  const std::lock_guard lock(mutex_);
  if (!log_.empty()) log_ += ", ";
  log_ += (isStop ? "stop " : "continue ") + std::to_string(process.pid) + (error == 0 ? "" : "!");
  ++counts_[signal];
  if (error == 0 && isStop) stopped_.insert(process.pid);
  if (error == 0 && !isStop) stopped_.erase(process.pid);
  return error;
}

ProcessState Script::probe(const Process& process) noexcept {
  if (exited_.contains(process.pid)) return ProcessState::Gone;
  if (const auto seen = seenAs_.find(process.pid); seen != seenAs_.end()) return seen->second;
  return isStopped(process.pid) && !stuck_.contains(process.pid) ? ProcessState::Stopped : ProcessState::Sleeping;
}

std::optional<ProcessState> Script::probe(const Process& process, ThreadScan& /*scan*/, const Slice& slice) noexcept {
  if (const auto hook = std::exchange(probeHook_, nullptr)) hook();
  {
    const std::lock_guard lock(mutex_);
    ++probes_[process.pid];
  }
  const auto cut = cutShort_.find(process.pid);
  if (cut == cutShort_.end() || cut->second == 0 || !slice.isOver()) return probe(process);
  --cut->second;
  return std::nullopt;
}

int Script::probes(Pid pid) const {
  const std::lock_guard lock(mutex_);
  const auto found = probes_.find(pid);
  return found == probes_.end() ? 0 : found->second;
}

void Script::findExited(std::span<Process* const> processes) noexcept {
  ++exitQuestions_;
  for (Process* const one : processes) one->hasExited = one->hasExited || exited_.contains(one->pid);
}

void Script::pause(std::chrono::nanoseconds /*worked*/) noexcept {
  ++pauses_;
  if (pauseHook_) pauseHook_();
}

ScriptedState::ScriptedState(int members, Mode mode)
    : state(mode,
            mode == Mode::None ? std::make_unique<NoneFreezer>(script) : processFreezer(script, {.boost = false})) {
  constexpr Pid kFirst = 101;
  for (int i = 0; i < members; ++i) state.registerPid(kFirst + i);
}

}  // namespace freeze_state::test

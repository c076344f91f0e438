#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "../../core/os/process_control.h"
#include "../../core/state/freeze_state.h"

namespace freeze_state::test {

/// A control that signals nothing: it plays processes as the test wrote them, and keeps a log. The hooks run inside
/// the calls, so that a test acts at a moment which no real process could be made to hit: between two signals, under
/// the state's lock. A hook that calls what takes that lock has to do so in another thread; see `Meanwhile`.
class Script : public ProcessControl {
 public:
  /// From now on a signal to this process answers with the error; 0 for success.
  void answer(Pid pid, Signal signal, int error);
  /// It has exited, and a probe finds that. Signals answer ESRCH.
  void exited(Pid pid);
  /// It exits between the probe and the signal: signals answer ESRCH, and the probe finds nothing.
  void exitedUnseen(Pid pid);
  /// Nothing has this pid; or a process has it now.
  void absent(Pid pid, bool isAbsent = true);
  /// A foreign process stops it, or continues it.
  void stopped(Pid pid);
  void continued(Pid pid);
  /// `open` of this pid fails.
  void refuseOpen(Pid pid, FailureCode code);
  void unsupported();
  /// A probe finds it in this state, whatever was sent.
  void seenAs(Pid pid, ProcessState state);
  /// It is in a system call that cannot be interrupted: no stop takes effect.
  void stuck(Pid pid, bool isStuck = true);
  /// It has many threads: this many probes whose slice is over are cut short.
  void cutShort(Pid pid, int times);
  /// How often it was probed in steps, each step counted.
  int probes(Pid pid) const;
  /// How many of these times are left.
  int cutsLeft(Pid pid) const { return cutShort_.at(pid); }

  /// Runs in the nth call of `send` from the first on, counted from 1, before the signal is delivered.
  void onSend(std::size_t nth, std::function<void()> hook);
  /// Runs in each call of `send`.
  void onEverySend(std::function<void()> hook);
  /// Runs in each call of `pause`, after it was counted.
  void onPause(std::function<void()> hook);
  /// Runs in the next probe that is done in steps.
  void onProbe(std::function<void()> hook);
  int pauses() const noexcept { return pauses_; }
  /// How often it was asked which processes have exited, of any number of them.
  int exitQuestions() const noexcept { return exitQuestions_; }
  /// Runs in the next call of `open`.
  void onOpen(std::function<void()> hook);

  std::map<Pid, Pid> tracers;  ///< by their tracees
  bool isKeeping = false;      ///< `keep` leaves processes open, and `reopen` finds them
  /// Closes what was kept of a process.
  void closeKept(Pid pid) { kept_.erase(pid); }

  /// The signals since the last call: `stop 101, continue 101`. One that failed has a `!`.
  std::string log();
  /// How many signals of a kind since the beginning.
  std::size_t count(Signal signal) const;

  using ProcessControl::isStopped;
  bool isStopped(Pid pid) const;
  std::size_t stoppedCount() const;
  /// What was opened and not released.
  std::multiset<Pid> held() const;

  const char* name() const noexcept override { return "script"; }
  bool isSupported() const noexcept override { return isSupported_; }
  Pid ownPid() const noexcept override { return kOwnPid; }
  const char* sendCall() const noexcept override { return "script"; }
  Failures open(Pid pid, Process& process) noexcept override;
  void release(Process& process) noexcept override;
  bool keep(Process& process) noexcept override;
  bool reopen(Process& process) noexcept override;
  int send(const Process& process, Signal signal) noexcept override;
  ProcessState probe(const Process& process) noexcept override;
  std::optional<ProcessState> probe(const Process& process, ThreadScan& scan, const Slice& slice) noexcept override;
  void findExited(std::span<Process* const> processes) noexcept override;
  Pid tracerOf(const Process& process) noexcept override {
    const auto found = tracers.find(process.pid);
    return found == tracers.end() ? 0 : found->second;
  }
  LedgerIdentity identify(Process& process) noexcept override {
    return {.kind = LedgerIdentity::Kind::Process, .number = process.pid, .startTime = 1};
  }
  void pause(std::chrono::nanoseconds worked) noexcept override;

  static constexpr Pid kOwnPid = 99;

 private:
  bool isSupported_ = true;
  std::map<std::pair<Pid, Signal>, int> answers_;
  std::set<Pid> exited_;
  std::set<Pid> absent_;
  std::set<Pid> stuck_;
  std::map<Pid, int> cutShort_;
  std::map<Pid, ProcessState> seenAs_;
  std::map<Pid, FailureCode> refusedOpens_;
  std::map<std::size_t, std::function<void()>> sendHooks_;
  std::function<void()> everySendHook_;
  std::function<void()> openHook_;
  std::function<void()> pauseHook_;
  std::function<void()> probeHook_;
  int pauses_ = 0;
  std::atomic<int> exitQuestions_ = 0;  ///< several threads may ask

  mutable std::mutex mutex_;  ///< guards the rest, which a test reads while another thread signals
  std::string log_;
  std::map<Signal, std::size_t> counts_;
  std::size_t sends_ = 0;
  std::map<Pid, int> probes_;
  std::set<Pid> stopped_;
  std::multiset<Pid> held_;
  std::set<Pid> kept_;
};

/// A state in mode `Process` on a script, with members 101, 102 and so on.
struct ScriptedState {
  explicit ScriptedState(int members, Mode mode = Mode::Process);

  Script script;
  FreezeState state;
};

}  // namespace freeze_state::test

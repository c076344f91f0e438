// exit_program scenario pid [pid...]
//
// Freezes the processes and ends in the way that the scenario names. The processes belong to the test that runs this
// program, which checks them afterwards. Exit code 0 means that the scenario took place. `token` freezes nothing: it
// prints the token of the process.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "../../core/os/linux/procfs.h"
#include "../../core/process_token.h"
#include "../../core/state/freeze_state.h"
#include "../support/process_freezer.h"
#include "../support/wait_until.h"

namespace freeze_state::test {

namespace {

constexpr int kWentWrong = 1;

/// The system's control, with a hook before each signal.
class Hooked final : public ProcessControl {
 public:
  const char* name() const noexcept override { return real_.name(); }
  Pid ownPid() const noexcept override { return real_.ownPid(); }
  const char* sendCall() const noexcept override { return real_.sendCall(); }
  Failures open(Pid pid, Process& process) noexcept override { return real_.open(pid, process); }
  void release(Process& process) noexcept override { real_.release(process); }
  ProcessState probe(const Process& process) noexcept override { return real_.probe(process); }
  void findExited(std::span<Process* const> processes) noexcept override { real_.findExited(processes); }
  int send(const Process& process, Signal signal) noexcept override {
    hook(signal);
    return real_.send(process, signal);
  }

  std::function<void(Signal)> hook;

 private:
  ProcessControl& real_ = systemControl();
};

bool areStopped(const std::vector<Pid>& pids) {
  return std::ranges::all_of(pids, [](Pid pid) {
    ProcessEntry stat;
    return procfs::read(pid, stat) == 0 && stat.state == 'T';
  });
}

bool come(const std::vector<Pid>& pids) {
  return waitUntil([&] { return areStopped(pids); });
}

/// Never destroyed, as a state whose owner was not collected by the time of exit.
FreezeState& makeFrozen(const std::vector<Pid>& pids) {
  auto& state = *new FreezeState(Mode::Process, processFreezer(systemControl()));
  for (const Pid pid : pids) state.registerPid(pid);
  if (!state.freezeAtEpoch(0).frozen || !come(pids)) _exit(kWentWrong);
  return state;
}

int exitWhileFrozen(const std::vector<Pid>& pids) {
  makeFrozen(pids);
  std::exit(0);
}

int exitAfterTheState(const std::vector<Pid>& pids) {
  {
    FreezeState state(Mode::Process, processFreezer(systemControl()));
    state.registerPid(pids.front());
  }
  makeFrozen(pids);
  return 0;
}

/// A fork has our registry and our members, and must not thaw them at its own end.
int forkExits(const std::vector<Pid>& pids) {
  makeFrozen(pids);
  const Pid fork = ::fork();
  if (fork == 0) std::exit(0);
  int status = 0;
  waitpid(fork, &status, 0);
  // Left as it is, for the test to see.
  _exit(WIFEXITED(status) && WEXITSTATUS(status) == 0 && areStopped(pids) ? 0 : kWentWrong);
}

/// Entered before the exit handler of the first state, so it runs after that one: exit handlers run last in, first out.
int makeWhileExiting(const std::vector<Pid>& pids) {
  static std::vector<Pid> late;
  late = pids;
  std::atexit([] {
    FreezeState state(Mode::Process, processFreezer(systemControl()));
    const bool isClosed = state.word() == word::kClosed;
    const Failures refused = state.registerPid(late.front());
    if (!isClosed || refused.size() != 1 || refused.front().code != FailureCode::Closed) _exit(kWentWrong);
  });
  makeFrozen(pids);
  std::exit(0);
}

/// The process exits while another thread is in the loop of a freeze.
int exitDuringFreeze(const std::vector<Pid>& pids) {
  static auto& control = *new Hooked();
  static auto& state = *new FreezeState(Mode::Process, processFreezer(control));
  for (const Pid pid : pids) state.registerPid(pid);
  std::atomic<bool> inLoop{false};
  int stops = 0;
  control.hook = [&](Signal signal) {
    if (signal != Signal::Stop || ++stops != 2) return;
    inLoop = true;
    if (!waitUntil([&] { return state.word() == word::kClosed; })) _exit(kWentWrong);
  };
  std::thread([&] { state.freezeAtEpoch(0); }).detach();
  if (!waitUntil([&] { return inLoop.load(); })) _exit(kWentWrong);
  std::exit(0);
}

/// The process exits while another thread is about to thaw in a state's destructor. The pause stands for a slow signal:
/// unless the exit waits for it, the signal is not sent.
int exitDuringDestruction(const std::vector<Pid>& pids) {
  static auto& control = *new Hooked();
  std::atomic<bool> inDestructor{false};
  control.hook = [&](Signal signal) {
    if (signal != Signal::Continue) return;
    inDestructor = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  };
  auto state = std::make_unique<FreezeState>(Mode::Process, processFreezer(control));
  for (const Pid pid : pids) state->registerPid(pid);
  if (!state->freezeAtEpoch(0).frozen || !come(pids)) _exit(kWentWrong);
  std::thread([&] { state.reset(); }).detach();
  if (!waitUntil([&] { return inDestructor.load(); })) _exit(kWentWrong);
  std::exit(0);
}

int printToken() { return std::printf("%llu\n", static_cast<unsigned long long>(processToken())) > 0 ? 0 : kWentWrong; }

int run(std::string_view scenario, const std::vector<Pid>& pids) {
  if (scenario == "token") return printToken();
  if (scenario == "exit-while-frozen") return exitWhileFrozen(pids);
  if (scenario == "exit-after-the-state") return exitAfterTheState(pids);
  if (scenario == "fork-exits") return forkExits(pids);
  if (scenario == "make-while-exiting") return makeWhileExiting(pids);
  if (scenario == "exit-during-freeze") return exitDuringFreeze(pids);
  if (scenario == "exit-during-destruction") return exitDuringDestruction(pids);
  return kWentWrong;
}

}  // namespace

}  // namespace freeze_state::test

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  std::vector<freeze_state::Pid> pids;
  for (int i = 2; i < argc; ++i) pids.push_back(std::stoi(argv[i]));
  return freeze_state::test::run(argv[1], pids);
}

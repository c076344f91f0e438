// guarded_program scenario pid [pid...]
//
// Freezes the processes, which belong to the test that runs this program, and dies in the way that the scenario names.
// The guardian is to continue them. Exit code 1 means that the scenario did not take place.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../../core/os/guardian.h"
#include "../../core/os/linux/procfs.h"
#include "../../core/platform/platform.h"
#include "../../core/state/freeze_state.h"
#include "../support/wait_until.h"

namespace freeze_state::test {

namespace {

bool areAll(const std::vector<Pid>& pids, bool isStopped) {
  return std::ranges::all_of(pids, [&](Pid pid) {
    ProcessEntry stat;
    return procfs::read(pid, stat) == 0 && (stat.state == 'T') == isStopped;
  });
}

bool come(const std::vector<Pid>& pids, bool isStopped) {
  return waitUntil([&] { return areAll(pids, isStopped); });
}

/// Never destroyed: whoever dies here destroys nothing.
FreezeState& makeState(Mode mode, const std::vector<Pid>& pids) {
  guardian::setProgram(GUARDIAN_PROGRAM);
  auto made = makeFreezer(mode, {}, {}, true);
  auto& state = *new std::shared_ptr<FreezeState>(std::make_shared<FreezeState>(mode, std::move(made.freezer)));
  for (const Pid pid : pids) state->registerPid(pid);
  return *state;
}

[[noreturn]] void die() {
  std::raise(SIGKILL);
  std::abort();
}

/// A copy of this process that holds all that a fork(2) inherits, for longer than anybody waits.
void forkCopy() {
  if (fork() != 0) return;
  // But for the output, of which the test's caller awaits the end.
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(fd);
  constexpr unsigned kLong = 60;
  alarm(kLong);
  for (;;) pause();
}

void useMemory() {
  constexpr std::size_t kSize = std::size_t{1} << 30;
  void* const memory = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) std::memset(memory, 1, kSize);
}

/// Into the folder that the test has made for it.
[[noreturn]] void dumpCore() {
  constexpr rlimit kUnlimited{RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_CORE, &kUnlimited);
  std::signal(SIGABRT, SIG_DFL);
  std::raise(SIGABRT);
  die();
}

/// This very program, as another scenario, so that somebody with our pid lives on.
[[noreturn]] void exec(char** argv) {
  std::array<char, 16> scenario{"wait-for-thaw"};
  argv[1] = scenario.data();
  execv("/proc/self/exe", argv);
  std::exit(1);
}

[[noreturn]] void freezeAndThaw(FreezeState& state) {
  if (write(STDOUT_FILENO, "begun", 5) != 5) std::exit(1);
  for (std::uint64_t epoch = 0;; ++epoch) {
    state.freezeAtEpoch(epoch);
    state.unfreeze();
  }
}

int run(std::string_view scenario, const std::vector<Pid>& pids, char** argv) {
  if (scenario == "wait-for-thaw") return come(pids, false) ? 0 : 1;
  const bool isTree = scenario == "storm-of-trees";
  FreezeState& state = makeState(isTree ? Mode::ProcessTree : Mode::Process, pids);
  if (isTree || scenario == "storm") freezeAndThaw(state);
  if (!state.freezeAtEpoch(0).frozen || !come(pids, true)) return 1;
  if (scenario == "exec") exec(argv);
  if (scenario == "dump-core") dumpCore();
  if (scenario == "fork") forkCopy();
  if (scenario == "use-memory") useMemory();
  if (scenario == "close-descriptors") {
    for (int fd = static_cast<int>(sysconf(_SC_OPEN_MAX)); fd >= 0; --fd) close(fd);
  }
  die();
}

}  // namespace

}  // namespace freeze_state::test

int main(int argc, char** argv) {
  std::vector<freeze_state::Pid> pids;
  for (int i = 2; i < argc; ++i) pids.push_back(std::atoi(argv[i]));
  return argc < 3 ? 1 : freeze_state::test::run(argv[1], pids, argv);
}

// guarded_program scenario pid [pid...]
//
// Freezes the processes, which belong to the test that runs this program, and dies in the way that the scenario names.
// The guardian has to continue them. Exit code 1 means that the scenario did not take place.
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "../../core/os/guardian.h"
#include "../../core/os/linux/ledger_layout.h"
#include "../../core/os/linux/procfs.h"
#include "../../core/platform/platform.h"
#include "../../core/state/freeze_state.h"
#include "../support/deny.h"
#include "../support/tasks.h"
#include "../support/wait_until.h"

namespace freeze_state::test {

namespace {

constexpr uid_t kNobody = 65534;

bool areAll(const std::vector<Pid>& pids, bool isStopped) {
  return std::ranges::all_of(pids, [&](Pid pid) {
    ProcessEntry stat;
    return procfs::read(pid, stat) == 0 && (stat.state == 'T') == isStopped;
  });
}

bool come(const std::vector<Pid>& pids, bool isStopped) {
  return waitUntil([&] { return areAll(pids, isStopped); });
}

/// Never destroyed, as nothing is when a process is killed; the leak sanitizer reaches it from here. One per process.
FreezeState& makeState(Mode mode, const std::vector<Pid>& pids, const std::string& program = GUARDIAN_PROGRAM) {
  guardian::setProgram(program);
  auto made = makeFreezer(mode, {}, {}, OnDeath::Thaw);
  static auto* const state =
      new std::shared_ptr<FreezeState>(std::make_shared<FreezeState>(mode, std::move(made.freezer)));
  for (const Pid pid : pids) (*state)->registerPid(pid);
  return **state;
}

/// With members that are to end with us. The first is in the ledger, and the others find it full.
int exitWithFullLedger(const std::vector<Pid>& pids) {
  guardian::setProgram(GUARDIAN_PROGRAM);
  auto made = makeFreezer(Mode::Process, {}, {}, OnDeath::End);
  if (made.ending == nullptr) return 1;
  // Never destroyed, as a state that was not collected by the time of exit.
  auto& state = *new FreezeState(Mode::Process, std::move(made.freezer), made.ending);
  state.registerPid(pids.front());
  for (Pid number = 2;; ++number) {
    LedgerEntry entry =
        guardian::start()->enter({.kind = LedgerIdentity::Kind::Process, .number = number, .startTime = 1});
    if (entry.isEmpty()) break;
    entry.keep();
  }
  for (const Pid pid : pids) state.registerPid(pid);
  if (!state.freezeAtEpoch(0).frozen || !come(pids, true) || guardian::pid() == 0) return 1;
  const auto all = state.inspect();
  if (!all) return 1;
  for (const MemberStatus& one : *all) {
    if (one.isUnguarded != (one.pid != pids.front())) return 2;
  }
  std::exit(0);
}

[[noreturn]] void die() {
  std::raise(SIGKILL);
  std::abort();
}

/// A copy of this process that holds all that a fork(2) inherits, for longer than any test waits.
void forkCopy() {
  if (fork() != 0) return;
  // Except the output, whose end the test's caller awaits.
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

/// Dumps core into the folder that the test has made for that.
[[noreturn]] void dumpCore() {
  constexpr rlimit kUnlimited{RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_CORE, &kUnlimited);
  std::signal(SIGABRT, SIG_DFL);
  std::raise(SIGABRT);
  die();
}

/// Executes this very program as another scenario, so that a process with our pid lives on.
[[noreturn]] void exec(char** argv) {
  std::array<char, 16> scenario{"wait-for-thaw"};
  argv[1] = scenario.data();
  execv("/proc/self/exe", argv);
  std::exit(1);
}

/// Says that the program has begun, which the test waits for.
void sayBegun() {
  if (write(STDOUT_FILENO, "begun", 5) != 5) std::exit(1);
}

[[noreturn]] void freezeAndThaw(FreezeState& state) {
  sayBegun();
  for (std::uint64_t epoch = 0;; ++epoch) {
    state.freezeAtEpoch(epoch);
    state.unfreeze();
  }
}

bool isGone(Pid pid) {
  ProcessEntry stat;
  return procfs::read(pid, stat) == ESRCH;
}

/// The first leads a group that the others are in. The test kills and reaps it once we have registered it.
int leaderless(std::vector<Pid> pids) {
  FreezeState& state = makeState(Mode::ProcessGroup, {pids.front()});
  sayBegun();
  if (!waitUntil([&] { return isGone(pids.front()); })) return 1;
  pids.erase(pids.begin());
  if (!state.freezeAtEpoch(0).frozen || !come(pids, true)) return 1;
  die();
}

int group(const std::vector<Pid>& pids) {
  FreezeState& state = makeState(Mode::ProcessGroup, {pids.front()});
  if (!state.freezeAtEpoch(0).frozen || !come(pids, true)) return 1;
  die();
}

/// Has the capability to signal every process, as a program whose file has it does (setcap(8)): it does not pass it on.
bool becomeUserWithCapability() {
  // The guardian's program must be found even where it lies in a folder that is closed to others.
  constexpr unsigned kOwn = (1U << CAP_KILL) | (1U << CAP_DAC_READ_SEARCH);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> own{};
  own[0] = {.effective = kOwn, .permitted = kOwn, .inheritable = 0};
  return prctl(PR_SET_KEEPCAPS, 1) == 0 && setresuid(kNobody, kNobody, kNobody) == 0 &&
         syscall(SYS_capset, &header, own.data()) == 0;
}

int countChildren() {
  int count = 0;
  procfs::Numbers all("/proc");
  for (Pid pid = 0; all.next(pid);) {
    ProcessEntry stat;
    if (procfs::read(pid, stat) == 0 && stat.parent == getpid()) ++count;
  }
  return count;
}

/// As the first process of a container, we are given the guardian once it has exited.
int refused(const std::vector<Pid>& pids) {
  constexpr unsigned long kNoAmbientRaise = 1UL << 6;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (prctl(PR_SET_SECUREBITS, kNoAmbientRaise) != 0 || !becomeUserWithCapability()) return 1;
  FreezeState& state = makeState(Mode::Process, pids);
  // The freeze waits for the guardian.
  if (!state.freezeAtEpoch(0).frozen) return 1;
  const auto [pid, isStarting, why] = guardian::status();
  if (pid != 0 || why.size() != 1 || why.front().code != FailureCode::GuardianWeak) return 2;
  return waitUntil([] { return countChildren() == 0; }) ? 0 : 3;
}

/// In the current directory, which the test has made for it. Its mode says which users may execute it there.
std::string copyGuardian() {
  std::error_code error;
  std::filesystem::copy_file(GUARDIAN_PROGRAM, "guardian", error);
  return error ? "" : "./guardian";
}

int changeUser(const std::vector<Pid>& pids) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  makeState(Mode::Process, pids, copyGuardian()).freezeAtEpoch(0);
  const Pid first = guardian::pid();
  if (first == 0 || setresuid(kNobody, kNobody, kNobody) != 0) return 1;
  if (!waitUntil([&] { return guardian::pid() != first && guardian::pid() != 0; })) return 2;
  return waitUntil([&] { return isGone(first); }) ? 0 : 3;
}

/// The new user cannot execute the program. The members are its own.
int keepGuardian(const std::vector<Pid>& pids) {
  FreezeState& state = makeState(Mode::Process, pids, copyGuardian());
  if (!state.freezeAtEpoch(0).frozen || !come(pids, true)) return 1;
  const Pid first = guardian::pid();
  constexpr std::array<gid_t, 2> kGroups{12345, 12346};
  if (first == 0 || setgroups(kGroups.size(), kGroups.data()) != 0) return 1;
  if (setresgid(kNobody, kNobody, kNobody) != 0 || setresuid(kNobody, kNobody, kNobody) != 0) return 1;
  // The test ends us after 30 s, which must not look like our death.
  constexpr std::chrono::seconds kShort(10);
  if (!waitUntil([] { return !guardian::status().why.empty(); }, kShort)) return 2;
  const auto [pid, isStarting, why] = guardian::status();
  if (pid != first || why.front().error != EACCES) return 3;
  const std::string nobody = std::to_string(kNobody);
  const std::string ids = nobody + "\t" + nobody + "\t" + nobody + "\t" + nobody;
  const auto hasUser = [&] { return statusField(first, "Uid") == ids && statusField(first, "Gid") == ids; };
  if (!waitUntil(hasUser, kShort) || statusField(first, "Groups") != "12345 12346") return 4;
  die();
}

/// Without pidfds, and with a keeper that shares our table of descriptors. A library has a descriptor of the number
/// that is a pidfd of ours in the guardian, which must not get it.
int libraryDescriptor(const std::vector<Pid>& pids) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0 || dup2(pipe[0], ledger::kParentFd) < 0) return 1;
  if (!deny(kPidfdOpen, ENOSYS) || !deny(kCloseRange, EPERM) || !deny(SYS_unshare, EPERM)) return 1;
  FreezeState& state = makeState(Mode::Process, pids);
  if (!state.freezeAtEpoch(0).frozen) return 1;
  const auto folder = "/proc/" + std::to_string(guardian::pid()) + "/fd/";
  const auto has = [&](int fd) {
    return std::filesystem::exists(std::filesystem::symlink_status(folder + std::to_string(fd)));
  };
  return has(ledger::kLedgerFd) && !has(ledger::kParentFd) ? 0 : 2;
}

/// Denies the system calls that the scenario is to do without, here and in the guardian.
bool denyFor(std::string_view scenario) {
  if (scenario == "stale-errno") return deny(SYS_fstatfs, EAGAIN);
  if (scenario == "no-kill") return deny(SYS_kill, EPERM);
  if (scenario != "no-close-range") return true;
  constexpr unsigned kHigh = 5000;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 && deny(kCloseRange, ENOSYS) && dieAbove(SYS_close, kHigh);
}

int run(std::string_view scenario, const std::vector<Pid>& pids, char** argv) {
  if (scenario == "wait-for-thaw") return come(pids, false) ? 0 : 1;
  if (scenario == "leaderless") return leaderless(pids);
  if (scenario == "exit-with-full-ledger") return exitWithFullLedger(pids);
  if (scenario == "refused") return refused(pids);
  if (scenario == "change-user") return changeUser(pids);
  if (scenario == "keep-guardian") return keepGuardian(pids);
  if (scenario == "library-descriptor") return libraryDescriptor(pids);
  if (!denyFor(scenario)) return 1;
  if (scenario == "capability" && !becomeUserWithCapability()) return 1;
  if (scenario == "no-kill") return group(pids);
  const bool isTree = scenario == "storm-of-trees";
  FreezeState& state = makeState(isTree ? Mode::ProcessTree : Mode::Process, pids);
  if (isTree || scenario == "storm") freezeAndThaw(state);
  if (!state.freezeAtEpoch(0).frozen || !come(pids, true)) return 1;
  if (scenario == "exec" || scenario == "stale-errno") exec(argv);
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
  for (int i = 2; i < argc; ++i) pids.push_back(std::stoi(argv[i]));
  return argc < 3 ? 1 : freeze_state::test::run(argv[1], pids, argv);
}

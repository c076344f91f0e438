#include "child.h"

#include <doctest/doctest.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "../../core/os/linux/procfs.h"
#include "wait_until.h"

namespace freeze_state::test {

namespace {

char stateOf(Pid pid) noexcept {
  ProcessEntry stat;
  return procfs::read(pid, stat) == 0 ? stat.state : 'X';
}

std::string nameOf(Pid pid) {
  std::string name;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
  return name;
}

Pid forkOrThrow() {
  const Pid pid = fork();
  if (pid < 0) throw std::runtime_error("fork failed");
  return pid;
}

[[noreturn]] void pauseForEver() {
  for (;;) pause();
}

/// Returns in the parent alone.
Pid startChild(const std::function<void()>& body) {
  const Pid parent = getpid();
  const Pid pid = forkOrThrow();
  if (pid != 0) return pid;
  dieWith(parent);
  body();
  pauseForEver();
}

int exitCodeOf(Pid pid) {
  int status = 0;
  if (!waitUntil([&] { return waitpid(pid, &status, WNOHANG) != 0; }, std::chrono::seconds(30))) {
    ::kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace

void dieWith(Pid parent) noexcept {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // 0 where the parent is outside of our pid namespace.
  if (getppid() != parent && getppid() != 0) _exit(1);
}

Child::Child(int threads)
    : Child([threads] {
        for (int others = threads - 1; others > 0; --others) std::thread(pauseForEver).detach();
      }) {}

Child::Child(const std::function<void()>& body) : pid_(startChild(body)) {}

Child::Child(Sleep program)
    : Child([program] {
        if (setpgid(0, program.group) == 0) execlp("sleep", "sleep", "infinity", nullptr);
        _exit(127);
      }) {
  CHECK(waitUntil([this] { return nameOf(pid_) == "sleep"; }));
}

bool Child::runs() const noexcept {
  const char state = stateOf(pid_);
  return state == 'R' || state == 'S' || state == 'D';
}

bool Child::isStopped() const noexcept { return stateOf(pid_) == 'T'; }

bool Child::comesToRun() const {
  return waitUntil([this] { return runs(); });
}

bool Child::comesToStop() const {
  return waitUntil([this] { return isStopped(); });
}

void Child::kill() noexcept {
  if (isKilled_) return;
  isKilled_ = true;
  ::kill(pid_, SIGKILL);
  siginfo_t exited{};
  waitid(P_PID, static_cast<id_t>(pid_), &exited, WEXITED | WNOWAIT);
}

void Child::reap() noexcept {
  if (isReaped_) return;
  isReaped_ = true;
  waitpid(pid_, nullptr, 0);
}

int runInFork(const std::function<int()>& body) {
  const Pid parent = getpid();
  const Pid pid = forkOrThrow();
  if (pid == 0) {
    dieWith(parent);
    _exit(body());
  }
  return exitCodeOf(pid);
}

int runProgram(std::vector<std::string> command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  return runInFork([&arguments] {
    execv(arguments.front(), arguments.data());
    return 127;
  });
}

bool becomeNobody() noexcept {
  constexpr uid_t kNobody = 65534;
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_RTPRIO, &none) != 0) return false;
  return getuid() != 0 || (setgroups(0, nullptr) == 0 && setgid(kNobody) == 0 && setuid(kNobody) == 0);
}

}  // namespace freeze_state::test

#include "../core/os/guardian.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <ranges>
#include <string>
#include <vector>

#include "../core/os/linux/ledger_layout.h"
#include "../core/os/linux/pidfd.h"
#include "support/child.h"
#include "support/controls.h"
#include "support/tasks.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

/// Three by default, so that a loop has a first, a middle and a last one.
struct Members {
  explicit Members(int count = 3, const std::function<void()>& body = [] {}) {
    for (int i = 0; i < count; ++i) children.push_back(std::make_unique<Child>(body));
  }

  std::vector<std::string> command(const std::string& scenario) const {
    std::vector<std::string> words{GUARDED_PROGRAM, scenario};
    for (const auto& child : children) words.push_back(std::to_string(child->pid()));
    return words;
  }
  bool comeToRun() const {
    return std::ranges::all_of(children, [](const auto& child) { return child->comesToRun(); });
  }

  std::vector<std::unique_ptr<Child>> children;
};

/// A new current directory for as long as this lives. It is removed with all that is put there.
struct Folder {
  explicit Folder(std::filesystem::perms mode = std::filesystem::perms::owner_all) {
    std::string name = (std::filesystem::temp_directory_path() / "freeze-state-XXXXXX").string();
    path = mkdtemp(name.data());
    std::filesystem::permissions(path, mode);
    before = std::filesystem::current_path();
    std::filesystem::current_path(path);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::filesystem::current_path(before);
    std::filesystem::remove_all(path);
  }
  std::filesystem::path path;
  std::filesystem::path before;
};

/// Starts the program, and gives its pid once it has said that it has begun.
Pid startUntilBegun(std::vector<std::string> words) {
  std::array<int, 2> pipe{};
  REQUIRE(pipe2(pipe.data(), O_CLOEXEC) == 0);
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const Pid own = getpid();
  const pid_t started = fork();
  if (started == 0) {
    dieWith(own);
    dup2(pipe[1], STDOUT_FILENO);
    execv(argv.front(), argv.data());
    _exit(1);
  }
  close(pipe[1]);
  std::array<char, 8> begun{};
  CHECK(read(pipe[0], begun.data(), begun.size()) > 0);
  close(pipe[0]);
  return started;
}

/// Runs the scenario, and kills the program at the moment in which it has stopped `sign`. Returns whether the kill
/// found `sign` stopped: a thaw may have been quicker.
bool killAmidst(const Members& members, const std::string& scenario, const Child& sign) {
  const Pid storm = startUntilBegun(members.command(scenario));
  const bool isAmidst = waitUntil([&] { return sign.isStopped(); });
  kill(storm, SIGKILL);
  // The guardian takes longer to begin than it takes to read this.
  const bool found = sign.isStopped();
  waitpid(storm, nullptr, 0);
  CHECK(isAmidst);
  return found;
}

/// Has the first of them lead a group that the others are in.
void group(const Members& members) {
  const Pid leader = members.children.front()->pid();
  for (const auto& child : members.children) REQUIRE(setpgid(child->pid(), leader) == 0);
}

/// Whether pidfds take PIDFD_SIGNAL_PROCESS_GROUP. If not, a message says so.
bool haveGroupFlag() {
  const int fd = pidfd::open(getpid());
  const int error = fd < 0 ? ENOSYS : pidfd::sendSignal(fd, 0, pidfd::kProcessGroup);
  if (fd >= 0) close(fd);
  // ESRCH where we lead no group.
  const bool haveIt = error == 0 || error == ESRCH;
  if (!haveIt) MESSAGE("skipped: no signals to groups by pidfd here");
  return haveIt;
}

/// Whether this is root, which can become another user. If not, a message says so.
bool isRoot() {
  if (geteuid() == 0) return true;
  MESSAGE("skipped: this needs root");
  return false;
}

/// The program's exit code where its ledger has that version.
int exitCodeAt(std::uint32_t version) {
  return runInFork([version] {
    const int ledger = memfd_create("ledger", 0);
    if (write(ledger, &version, sizeof version) != sizeof version || dup2(ledger, ledger::kLedgerFd) < 0) return 100;
    const std::string pid = std::to_string(getpid());
    execl(GUARDIAN_PROGRAM, "freeze-state-guardian", pid.c_str(), nullptr);
    return 101;
  });
}

/// A number from the environment; for a run that takes longer than a test may.
int numberFrom(const char* name, int otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

}  // namespace

TEST_SUITE("the guardian continues what was frozen") {
  TEST_CASE("the guardian continues all when its emulator is killed") {
    const Members members;
    CHECK(runProgram(members.command("kill")) == -SIGKILL);
    CHECK(members.comeToRun());
  }

  TEST_CASE("the guardian continues all when an emulator is killed that has a gigabyte to free") {
    const Members members;
    CHECK(runProgram(members.command("use-memory")) == -SIGKILL);
    CHECK(members.comeToRun());
  }

  TEST_CASE("the guardian continues all while a fork without exec lives on that has all descriptors of the emulator") {
    const Members members;
    CHECK(runProgram(members.command("fork")) == -SIGKILL);
    CHECK(members.comeToRun());
  }

  TEST_CASE("the guardian continues all when an emulator is killed that had closed all its descriptors") {
    const Members members;
    CHECK(runProgram(members.command("close-descriptors")) == -SIGKILL);
    CHECK(members.comeToRun());
  }

  TEST_CASE("the guardian continues all when its emulator calls execve(2), although the pid lives on") {
    const Members members;
    CHECK(runProgram(members.command("exec")) == 0);
    CHECK(members.comeToRun());
  }

  TEST_CASE("the guardian continues all when its emulator dumps core") {
    const Folder folder;
    const Members members;
    CHECK(runProgram(members.command("dump-core")) == -SIGABRT);
    CHECK(members.comeToRun());
  }

  TEST_CASE("the guardian continues all at an execve(2) where a system call fails with EAGAIN") {
    const Members members;
    CHECK(runProgram(members.command("stale-errno")) == 0);
    CHECK(members.comeToRun());
  }

  TEST_CASE(
      "what is to end with the emulator and is not in the ledger is continued at exit(3), and the rest is killed") {
    const Members members;
    CHECK(runProgram(members.command("exit-with-full-ledger")) == 0);
    const Child& recorded = *members.children.front();
    CHECK(waitUntil([&] { return !recorded.runs() && !recorded.isStopped(); }));
    CHECK(std::ranges::all_of(members.children | std::views::drop(1),
                              [](const auto& child) { return child->comesToRun(); }));
  }

  TEST_CASE("a group is continued whose leader was reaped before the first freeze") {
    Members members;
    group(members);
    const Pid emulator = startUntilBegun(members.command("leaderless"));
    members.children.front()->kill();
    members.children.front()->reap();
    int status = 0;
    waitpid(emulator, &status, 0);
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    members.children.erase(members.children.begin());
    CHECK(members.comeToRun());
  }

  TEST_CASE("a group is continued without a signal to its number, where there is a pidfd") {
    if (!haveGroupFlag()) return;
    const Members members;
    group(members);
    CHECK(runProgram(members.command("no-kill")) == -SIGKILL);
    CHECK(members.comeToRun());
  }

  TEST_CASE("processes of other users are continued, where the emulator may signal them by a capability") {
    if (!isRoot()) return;
    const Members members;
    CHECK(runProgram(members.command("capability")) == -SIGKILL);
    CHECK(members.comeToRun());
  }

  TEST_CASE("the guardian works where descriptors cannot be closed by ranges, and there may be very many") {
    const Members members;
    CHECK(runProgram(members.command("no-close-range")) == -SIGKILL);
    CHECK(members.comeToRun());
  }

  TEST_CASE("nothing stays stopped when the emulator is killed at random moments of a freeze or a thaw") {
    const Members members(numberFrom("FREEZE_STATE_GUARDED_MEMBERS", 50));
    const int rounds = numberFrom("FREEZE_STATE_GUARDED_ROUNDS", 10);
    std::mt19937 random(1);
    std::uniform_int_distribution<std::size_t> place(0, members.children.size() - 1);
    // A kill that found nothing stopped shows little.
    int found = 0;
    for (int round = 0; found < rounds && round < 20 * rounds; ++round) {
      CAPTURE(round);
      const std::string scenario = round % 2 == 0 ? "storm" : "storm-of-trees";
      if (killAmidst(members, scenario, *members.children[place(random)])) ++found;
      REQUIRE(members.comeToRun());
    }
    CHECK(found == rounds);
  }
}

TEST_SUITE("the guardian") {
  TEST_CASE("a guardian that would lack a capability is refused, and leaves no zombie") {
    if (!isRoot() || !isUsable<PidfdControl>()) return;
    const Members members;
    CHECK(runProgram(members.command("refused")) == 0);
  }

  TEST_CASE("a guardian of the user that its emulator was before leaves no zombie") {
    if (!isRoot() || !isUsable<PidfdControl>()) return;
    using std::filesystem::perms;
    const Folder folder(perms::owner_all | perms::group_exec | perms::others_exec);
    const Members members;
    CHECK(runProgram(members.command("change-user")) == 0);
  }

  TEST_CASE("a guardian that the new user of its emulator cannot replace takes on that user, and continues all") {
    if (!isRoot()) return;
    const Folder folder;
    const Pid own = getpid();
    const Members members(3, [own] {
      if (!becomeNobody()) _exit(1);
      // A change of the user clears what `Child` has asked the kernel for.
      dieWith(own);
    });
    for (const auto& child : members.children)
      REQUIRE(waitUntil([&] { return statusField(child->pid(), "Uid").starts_with("65534\t65534"); }));
    CHECK(runProgram(members.command("keep-guardian")) == -SIGKILL);
    CHECK(members.comeToRun());
  }

  TEST_CASE("the guardian gets no descriptor of a library") {
    const Members members;
    CHECK(runProgram(members.command("library-descriptor")) == 0);
    CHECK(members.comeToRun());
  }

  TEST_CASE("the guardian does not start with a ledger of another version") {
    CHECK(exitCodeAt(ledger::kVersion) == 0);
    CHECK(exitCodeAt(ledger::kVersion + 1) == ledger::kOtherVersion);
  }
}

}  // namespace freeze_state::test

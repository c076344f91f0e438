#include "../core/os/guardian.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "support/child.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

/// Several, for there has to be a first, a middle and a last one in a loop.
struct Members {
  explicit Members(int count = 3) {
    for (int i = 0; i < count; ++i) children.push_back(std::make_unique<Child>());
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

/// A folder for the core, which goes with it.
struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "freeze-state-core-XXXXXX").string();
    path = mkdtemp(name.data());
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

/// Runs the storm until it has begun, and for so long; then kills it.
void killAmidst(const Members& members, const std::string& scenario, std::chrono::microseconds after) {
  std::array<int, 2> pipe{};
  REQUIRE(pipe2(pipe.data(), O_CLOEXEC) == 0);
  std::vector<std::string> words = members.command(scenario);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const Pid own = getpid();
  const pid_t storm = fork();
  if (storm == 0) {
    dieWith(own);
    dup2(pipe[1], STDOUT_FILENO);
    execv(argv.front(), argv.data());
    _exit(1);
  }
  close(pipe[1]);
  std::array<char, 8> begun{};
  CHECK(read(pipe[0], begun.data(), begun.size()) > 0);
  close(pipe[0]);
  std::this_thread::sleep_for(after);  // stands for no condition: the kill is to hit another place in each round
  kill(storm, SIGKILL);
  waitpid(storm, nullptr, 0);
}

/// A number from the environment; for a run that takes longer than a test may.
int numberFrom(const char* name, int otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

}  // namespace

TEST_SUITE("the guardian continues what was frozen") {
  TEST_CASE("when its emulator is killed") {
    const Members members;
    CHECK(runProgram(members.command("kill")) == -SIGKILL);
    CHECK(members.comeToRun());
  }

  TEST_CASE("when one is killed that has a gigabyte to free") {
    const Members members;
    CHECK(runProgram(members.command("use-memory")) == -SIGKILL);
    CHECK(members.comeToRun());
  }

  TEST_CASE("when one is killed of which a fork without exec lives on, with all its descriptors") {
    const Members members;
    CHECK(runProgram(members.command("fork")) == -SIGKILL);
    CHECK(members.comeToRun());
  }

  TEST_CASE("when one is killed that had closed all its descriptors") {
    const Members members;
    CHECK(runProgram(members.command("close-descriptors")) == -SIGKILL);
    CHECK(members.comeToRun());
  }

  TEST_CASE("when it calls execve(2), and its pid lives on") {
    const Members members;
    CHECK(runProgram(members.command("exec")) == 0);
    CHECK(members.comeToRun());
  }

  TEST_CASE("when it dumps core") {
    const Folder folder;
    const Members members;
    CHECK(runProgram(members.command("dump-core")) == -SIGABRT);
    CHECK(members.comeToRun());
  }

  TEST_CASE("when its emulator is killed at random moments of a freeze or a thaw") {
    const Members members(numberFrom("FREEZE_STATE_GUARDED_MEMBERS", 50));
    const int rounds = numberFrom("FREEZE_STATE_GUARDED_ROUNDS", 10);
    constexpr int kLongest = 20'000;
    std::mt19937 random(1);
    std::uniform_int_distribution<int> microseconds(0, kLongest);
    for (int round = 0; round < rounds; ++round) {
      CAPTURE(round);
      killAmidst(members, round % 2 == 0 ? "storm" : "storm-of-trees", std::chrono::microseconds(microseconds(random)));
      REQUIRE(members.comeToRun());
    }
  }
}

}  // namespace freeze_state::test

#include <doctest/doctest.h>

#include <array>

#include "support/child.h"

namespace freeze_state::test {

namespace {

/// Three members, so that a loop has a first, a middle and a last one.
struct ExitTest {
  std::array<Child, 3> children;

  int run(const std::string& scenario) const {
    std::vector<std::string> command{EXIT_PROGRAM, scenario};
    for (const Child& child : children) command.push_back(std::to_string(child.pid()));
    return runProgram(command);
  }
};

}  // namespace

TEST_SUITE("exit") {
  TEST_CASE("nothing stays stopped, however the program gets to exit(3)") {
    for (const std::string scenario : {"exit-while-frozen", "exit-after-the-state", "make-while-exiting",
                                       "exit-during-freeze", "exit-during-destruction"}) {
      CAPTURE(scenario);
      const ExitTest test;
      CHECK(test.run(scenario) == 0);
      for (const Child& child : test.children) CHECK(child.comesToRun());
    }
  }

  TEST_CASE("the exit of a fork leaves the members of its parent alone") {
    const ExitTest test;
    CHECK(test.run("fork-exits") == 0);
    for (const Child& child : test.children) CHECK(child.isStopped());
  }
}

}  // namespace freeze_state::test

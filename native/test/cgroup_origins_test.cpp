#include <doctest/doctest.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "../core/modes/cgroup/origins.h"
#include "support/child.h"

namespace freeze_state::test {

namespace {

std::vector<std::string> directoriesOf(const OriginChain& chain) {
  std::vector<std::string> directories;
  for (const Origin& origin : chain) directories.push_back(origin.directory);
  return directories;
}

}  // namespace

TEST_SUITE("whose a process is, of several states") {
  using Directories = std::vector<std::string>;

  TEST_CASE("one that no state has goes back to where it is") {
    Origins registry;
    const auto owner = registry.enter("/m/one", true).owner;
    CHECK(directoriesOf(registry.of(owner, getpid(), "/m/origin")) == Directories{"/m/origin"});
    CHECK(registry.of(owner, getpid(), "").empty());
  }

  TEST_CASE("one of another state goes back to that one, while it has it, and else to where that one found it") {
    Origins registry;
    const auto first = registry.enter("/m/one", true).owner;
    const auto second = registry.enter("/m/two", true).owner;
    registry.note(first, getpid(), {{"/m/origin"}});
    const OriginChain chain = registry.of(second, getpid(), "/m/one");
    REQUIRE(directoriesOf(chain) == Directories{"/m/one", "/m/origin"});
    const auto isAtFirst = [&] { return registry.ifOrigin(chain[0], [] { return 0; }); };
    CHECK(isAtFirst() == 0);
    CHECK(registry.ifOrigin(chain[1], [] { return EBUSY; }) == EBUSY);
    registry.forget(first, getpid());
    CHECK(isAtFirst() == ENOENT);
    registry.note(first, getpid(), {{"/m/origin"}});
    CHECK(isAtFirst() == 0);
    registry.keepOnly(first, {1});
    CHECK(isAtFirst() == ENOENT);
    registry.note(first, getpid(), {{"/m/origin"}});
    registry.leave(first);
    CHECK(isAtFirst() == ENOENT);
  }

  TEST_CASE("one that was born in what a state made goes with its parent; in what one was given, it stays") {
    Origins registry;
    const auto made = registry.enter("/m/made", true).owner;
    const auto given = registry.enter("/m/given", false).owner;
    const auto taker = registry.enter("/m/taker", true).owner;
    const Child child;
    for (const auto owner : {made, given}) registry.note(owner, getpid(), {{"/m/origin"}});
    CHECK(directoriesOf(registry.of(taker, child.pid(), "/m/made/below")) == Directories{"/m/made/below", "/m/origin"});
    CHECK(directoriesOf(registry.of(taker, child.pid(), "/m/given")) == Directories{"/m/given"});
    CHECK(directoriesOf(registry.of(taker, getpid(), "/m/given")) == Directories{"/m/given", "/m/origin"});
    // In its own, it belongs where its parent does.
    CHECK(directoriesOf(registry.of(made, child.pid(), "/m/made")) == Directories{"/m/origin"});
    CHECK(registry.of(made, 1, "/m/made").empty());
  }

  TEST_CASE("taken in turn over and over, it has each place once") {
    Origins registry;
    const std::vector<std::uint64_t> owners{registry.enter("/m/0", true).owner, registry.enter("/m/1", true).owner};
    std::string at = "/m/origin";
    for (int turn = 0; turn < 10; ++turn) {
      const auto owner = owners[static_cast<std::size_t>(turn % 2)];
      registry.forget(owner, getpid());
      const OriginChain chain = registry.of(owner, getpid(), at);
      CHECK(chain.size() <= 2);
      CHECK(chain.back().directory == "/m/origin");
      registry.note(owner, getpid(), chain);
      at = "/m/" + std::to_string(turn % 2);
    }
  }

  TEST_CASE("those with the same group share who has frozen it, and see each other's members") {
    Origins registry;
    const auto first = registry.enter("/m/given", false);
    const auto second = registry.enter("/m/given", false);
    CHECK(first.claim == second.claim);
    CHECK(registry.enter("/m/other", false).claim != first.claim);
    registry.note(first.owner, getpid(), {});
    CHECK(registry.ofOthersAt(second.owner, "/m/given") == std::vector<Pid>{getpid()});
    CHECK(registry.ofOthersAt(first.owner, "/m/given").empty());
  }
}

}  // namespace freeze_state::test

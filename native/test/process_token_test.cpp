#include "../core/process_token.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <set>
#include <string>
#include <thread>

namespace freeze_state::test {

namespace {

/// The token of another run of a program that has the core.
std::uint64_t tokenOfProgram() {
  FILE* const output = popen("'" EXIT_PROGRAM "' token 0", "r");
  REQUIRE(output != nullptr);
  unsigned long long token = 0;
  CHECK(std::fscanf(output, "%llu", &token) == 1);
  CHECK(pclose(output) == 0);
  return token;
}

}  // namespace

TEST_SUITE("the token of a process") {
  TEST_CASE("a token is not 0, and the same in every thread") {
    const std::uint64_t token = processToken();
    CHECK(token != 0);
    std::uint64_t elsewhere = 0;
    std::thread([&] { elsewhere = processToken(); }).join();
    CHECK(elsewhere == token);
  }

  TEST_CASE("three processes have three tokens") {
    const std::set<std::uint64_t> tokens{processToken(), tokenOfProgram(), tokenOfProgram()};
    CHECK(tokens.size() == 3);
    CHECK_FALSE(tokens.contains(0));
  }
}

}  // namespace freeze_state::test

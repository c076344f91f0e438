#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "support/signallers.h"

namespace freeze_state::test {

TEST_SUITE("system signaller") {
  TEST_CASE("pidfds are chosen where there are any, else the start time") {
    const std::string name = systemSignaller().name();
    CHECK(name == (PidfdSignaller::isAvailable() ? "pidfd" : "start-time"));
    // Set by a run in which pidfds are denied, so that it cannot pass with them.
    if (const char* const expected = std::getenv("EXPECTED_SIGNALLER")) CHECK(name == expected);
    CHECK(&systemSignaller() == &systemSignaller());
  }
}

}  // namespace freeze_state::test

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "support/controls.h"

namespace freeze_state::test {

TEST_SUITE("system control") {
  TEST_CASE("pidfds are chosen where there are any, else the start time") {
    const std::string name = systemControl().name();
    CHECK(name == (PidfdControl::isAvailable() ? "pidfd" : "start-time"));
    // Set by a run in which pidfds are denied, so that it cannot pass with them.
    if (const char* const expected = std::getenv("EXPECTED_CONTROL")) CHECK(name == expected);
    CHECK(&systemControl() == &systemControl());
  }
}

}  // namespace freeze_state::test

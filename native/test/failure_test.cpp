#include "../core/failure.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "support/describe.h"

namespace freeze_state::test {

TEST_SUITE("failures") {
  TEST_CASE("each code of a failure has a name of its own, and what is no code has none") {
    std::set<std::string> names;
    constexpr auto kLast = static_cast<int>(FailureCode::GuardianDenied);
    for (int code = 0; code <= kLast; ++code) {
      CAPTURE(code);
      const std::string name = nameOf(static_cast<FailureCode>(code));
      CHECK_FALSE(name.empty());
      CHECK(names.insert(name).second);
    }
    CHECK(std::string(nameOf(static_cast<FailureCode>(kLast + 1))).empty());
  }

  TEST_CASE("a lack of descriptors or memory is distinguished from every other reason") {
    for (const int error : {EMFILE, ENFILE, ENOMEM}) CHECK(isOutOfResources(error));
    for (const int error : {0, EPERM, ESRCH, EAGAIN, ENODEV, EACCES}) CHECK_FALSE(isOutOfResources(error));
  }

  TEST_CASE("failures of a later step follow those of the earlier ones") {
    Failures all{{.code = FailureCode::SignalFailed, .pid = 101}};
    append(all, {});
    append(all, {{.code = FailureCode::NeverStopped, .pid = 102}, {.code = FailureCode::Closed}});
    CHECK(describe(all) == "SignalFailed 101, NeverStopped 102, Closed");
  }
}

}  // namespace freeze_state::test

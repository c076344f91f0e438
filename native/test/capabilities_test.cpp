#include "../core/os/linux/capabilities.h"

#include <doctest/doctest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <string>

#include "support/child.h"

namespace freeze_state::test {

namespace {

constexpr std::uint64_t bit(int capability) { return std::uint64_t{1} << static_cast<unsigned>(capability); }

/// What the kernel says of this thread (proc_pid_status(5)): `CapEff` or `CapAmb`.
std::uint64_t statusOf(const std::string& set) {
  std::ifstream status("/proc/thread-self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(set + ":")) return std::stoull(line.substr(set.size() + 1), nullptr, 16);
  }
  return 0;
}

/// Becomes a user who has this one capability, as a program whose file has it does (setcap(8)).
bool becomeUserWith(int capability) {
  constexpr uid_t kNobody = 65534;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> own{};
  own[0].effective = own[0].permitted = static_cast<std::uint32_t>(bit(capability));
  return prctl(PR_SET_KEEPCAPS, 1) == 0 && setresuid(kNobody, kNobody, kNobody) == 0 &&
         syscall(SYS_capset, &header, own.data()) == 0;
}

/// Whether this is root with that capability. If not, a message says so.
bool canGive(int capability) {
  if (geteuid() == 0 && (capabilities::effective() & bit(capability)) != 0) return true;
  MESSAGE("skipped: this needs root with capability ", capability);
  return false;
}

}  // namespace

TEST_SUITE("capabilities") {
  TEST_CASE("the capabilities that matter are those to signal, to see, and to write to a control group") {
    CHECK(capabilities::relevant() == (bit(CAP_KILL) | bit(CAP_SYS_PTRACE) | bit(CAP_DAC_OVERRIDE)));
  }

  TEST_CASE("the effective capabilities are those that /proc shows, and none after root has become a user") {
    CHECK(capabilities::effective() == statusOf("CapEff"));
    CHECK(runInFork([] {
            if (!becomeNobody()) return 2;
            return capabilities::effective() == 0 && statusOf("CapEff") == 0 ? 0 : 1;
          }) == 0);
  }

  TEST_CASE("a program inherits the relevant capabilities of a user, and no other") {
    if (!canGive(CAP_KILL) || !canGive(CAP_CHOWN)) return;
    const auto passedOn = [](int capability) {
      return runInFork([capability] {
        if (!becomeUserWith(capability) || statusOf("CapAmb") != 0) return 2;
        capabilities::passOn();
        return statusOf("CapAmb") == bit(capability) ? 1 : 0;
      });
    };
    CHECK(passedOn(CAP_KILL) == 1);
    CHECK(passedOn(CAP_CHOWN) == 0);
  }

  TEST_CASE("root's capabilities are left as they are, since a program inherits them anyway") {
    if (!canGive(CAP_KILL)) return;
    const std::uint64_t before = statusOf("CapAmb");
    capabilities::passOn();
    CHECK(statusOf("CapAmb") == before);
  }
}

}  // namespace freeze_state::test

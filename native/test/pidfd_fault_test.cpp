// What is found out about pidfds while descriptors or memory are short must be asked again later. Each test is in a
// fork, or has a control of its own: whatever the process knows already, the answer is new.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>

#include "../core/os/file_descriptor.h"
#include "../core/os/linux/group_control.h"
#include "../core/os/linux/pidfd.h"
#include "../core/os/linux/pidfd_control.h"
#include "support/child.h"
#include "support/controls.h"
#include "support/deny.h"
#include "support/descriptors.h"

namespace freeze_state::test {

TEST_SUITE("faults of pidfds") {
  TEST_CASE("inodes of pidfds are found as soon as a descriptor is free again") {
    if (runInFork([] { return pidfd::haveInodes() ? 0 : 1; }) != 0) {
      MESSAGE("skipped: pidfds have no inodes here");
      return;
    }
    CHECK(runInFork([] {
            const FileDescriptor self(pidfd::open(getpid()));
            {
              const DescriptorLimit limit(DescriptorLimit::none());
              if (pidfd::haveInodes()) return 1;
              // The pidfd of a member is open already.
              if (pidfd::inodeOf(self.get()) == 0) return 2;
            }
            return pidfd::haveInodes() ? 0 : 3;
          }) == 0);
  }

  TEST_CASE("a group is signalled by pidfd also where no descriptor is left to find out whether that works") {
    if (!isUsable<PidfdControl>()) return;
    PidfdControl processes;
    LinuxGroupControl before(processes);
    if (std::string(before.sendCall()) == "kill") {
      MESSAGE("skipped: pidfds take no flags here");
      return;
    }
    const Child leader(Sleep{});
    Process held;
    REQUIRE(before.open(leader.pid(), held).empty());
    // UBSan looks at the type of an object once, for which it needs descriptors.
    CHECK(before.send(held, Signal::Continue) == 0);
    std::unique_ptr<LinuxGroupControl> groups;
    {
      const DescriptorLimit limit(DescriptorLimit::none());
      groups = std::make_unique<LinuxGroupControl>(processes);
      CHECK(std::string(groups->sendCall()) == "pidfd_send_signal");
      // By its number it would be sent nothing, since nothing tells that the number is not reused.
      Process earlier = held;
      --earlier.startTime;
      CHECK(groups->send(earlier, Signal::Stop) == 0);
    }
    CHECK(leader.comesToStop());
    CHECK(std::string(groups->sendCall()) == "pidfd_send_signal");
    CHECK(groups->send(held, Signal::Continue) == 0);
    CHECK(leader.comesToRun());
    groups->release(held);
  }

  TEST_CASE("pidfds count as available where only descriptors or memory are short, and not where they are refused") {
    if (!isUsable<PidfdControl>()) return;
    const auto isAvailableAfter = [](int error) {
      return runInFork([error] {
        if (!deny(kPidfdOpen, static_cast<unsigned>(error))) return 2;
        return PidfdControl::isAvailable() ? 1 : 0;
      });
    };
    for (const int error : {EMFILE, ENFILE, ENOMEM}) CHECK(isAvailableAfter(error) == 1);
    for (const int error : {ENOSYS, EPERM}) CHECK(isAvailableAfter(error) == 0);
  }
}

}  // namespace freeze_state::test

#include "../core/os/linux/group_control.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>

#include "../core/os/linux/procfs.h"
#include "support/child.h"
#include "support/controls.h"
#include "support/describe.h"
#include "support/descriptors.h"

namespace freeze_state::test {

namespace {

/// A group of a leader and one more process, held by a control; and a process outside of it.
template <typename Control>
struct HeldGroup {
  HeldGroup() {
    REQUIRE(setpgid(leader.pid(), leader.pid()) == 0);
    REQUIRE(setpgid(other.pid(), leader.pid()) == 0);
    REQUIRE(describe(control.open(leader.pid(), held)).empty());
  }
  HeldGroup(const HeldGroup&) = delete;
  HeldGroup& operator=(const HeldGroup&) = delete;
  ~HeldGroup() { control.release(held); }

  bool isGone() {
    control.findExited(std::array{&held});
    return held.hasExited;
  }

  Child leader;
  Child other;
  Child outsider;
  Control control{systemControl()};
  Process held;
};

/// A group that is opened without pidfds, with a process besides its leader.
struct OpenedGroup {
  StartTimeControl processes;
  LinuxGroupControl control{processes};
  Child leader;
  const Child other;
  Process held;

  OpenedGroup() {
    REQUIRE(setpgid(leader.pid(), leader.pid()) == 0);
    REQUIRE(setpgid(other.pid(), leader.pid()) == 0);
    REQUIRE(describe(control.open(leader.pid(), held)).empty());
  }
};

}  // namespace

TEST_SUITE("controls of groups") {
  TEST_CASE_TEMPLATE("a signal reaches each process of the group, and no other", C, GroupControl, LinuxGroupControl) {
    HeldGroup<C> group;
    CHECK(group.control.send(group.held, Signal::Stop) == 0);
    CHECK(group.leader.comesToStop());
    CHECK(group.other.comesToStop());
    CHECK(group.outsider.runs());
    CHECK(group.control.send(group.held, Signal::Continue) == 0);
    CHECK(group.leader.comesToRun());
    CHECK(group.other.comesToRun());
  }

  TEST_CASE_TEMPLATE("only the leader of a group is taken, and not that of our own", C, GroupControl,
                     LinuxGroupControl) {
    HeldGroup<C> group;
    Process refused;
    const std::string other = std::to_string(group.other.pid());
    CHECK(describe(group.control.open(group.other.pid(), refused)) == "NotGroupLeader " + other);
    CHECK(refused.fd == -1);
    CHECK(describe(group.control.open(getpgrp(), refused)) == "OwnGroup " + std::to_string(getpgrp()));
  }

  TEST_CASE_TEMPLATE("a leader that has moved to another group is unfit, and fit again once it is back", C,
                     GroupControl, LinuxGroupControl) {
    HeldGroup<C> group;
    CHECK_FALSE(group.control.whyUnfit(group.held));
    REQUIRE(setpgid(group.leader.pid(), getpgrp()) == 0);
    CHECK(group.control.whyUnfit(group.held) == FailureCode::NotGroupLeader);
    REQUIRE(setpgid(group.leader.pid(), group.leader.pid()) == 0);
    CHECK_FALSE(group.control.whyUnfit(group.held));
  }

  TEST_CASE_TEMPLATE("a group outlives its leader: it takes signals, and is gone with its last process", C,
                     GroupControl, LinuxGroupControl) {
    HeldGroup<C> group;
    group.leader.kill();
    group.leader.reap();
    CHECK_FALSE(group.control.hasLeader(group.held));
    CHECK_FALSE(group.isGone());
    CHECK(group.control.check(group.held) == 0);
    CHECK(group.control.probe(group.held) == ProcessState::Unknown);
    CHECK(group.control.send(group.held, Signal::Stop) == 0);
    CHECK(group.other.comesToStop());
    group.other.kill();
    group.other.reap();
    CHECK(group.control.check(group.held) == ESRCH);
    CHECK(group.isGone());
    CHECK(group.control.probe(group.held) == ProcessState::Gone);
  }

  TEST_CASE("the ledger has a group by its number and its session") {
    HeldGroup<LinuxGroupControl> group;
    const LedgerIdentity identity = group.control.identify(group.held);
    CHECK(identity.kind == LedgerIdentity::Kind::Group);
    CHECK(identity.number == group.leader.pid());
    CHECK(identity.session == getsid(0));
  }

  TEST_CASE("G7: without pidfds, a group without a leader is sent nothing where it is of another session") {
    OpenedGroup group;
    auto& [_, control, leader, other, held] = group;
    leader.kill();
    leader.reap();
    // This is how the opened group looks if it was empty in between, and a foreign group has the number now.
    Process emptied = held;
    ++emptied.session;
    CHECK(control.send(emptied, Signal::Stop) == ESRCH);
    CHECK(other.runs());
    control.findExited(std::array{&emptied});
    CHECK(emptied.hasExited);
    control.findExited(std::array{&held});
    CHECK_FALSE(held.hasExited);
    CHECK(control.send(held, Signal::Stop) == 0);
    CHECK(other.comesToStop());
    control.release(held);
  }

  TEST_CASE("G7: without pidfds, a number that another process has by now is sent nothing") {
    StartTimeControl processes;
    LinuxGroupControl control(processes);
    const Child leader;
    REQUIRE(setpgid(leader.pid(), leader.pid()) == 0);
    Process held;
    REQUIRE(describe(control.open(leader.pid(), held)).empty());
    Process earlier = held;
    --earlier.startTime;
    CHECK(std::string(control.sendCall()) == "kill");
    CHECK(control.send(earlier, Signal::Stop) == ESRCH);
    CHECK(control.check(earlier) == ESRCH);
    CHECK(control.check(held) == 0);
    CHECK(leader.runs());
    CHECK(control.send(held, Signal::Stop) == 0);
    CHECK(leader.comesToStop());
    control.release(held);
  }

  TEST_CASE("G7: where nothing tells for lack of descriptors whose number it is, nothing is sent") {
    OpenedGroup group;
    auto& [_, control, leader, other, held] = group;
    const auto stopWithout = [&] {
      const DescriptorLimit limit(DescriptorLimit::none());
      CHECK(control.check(held) == EMFILE);
      return control.send(held, Signal::Stop);
    };
    CHECK(stopWithout() == EMFILE);
    leader.kill();
    leader.reap();
    CHECK(stopWithout() == EMFILE);
    CHECK(other.runs());
    {
      const DescriptorLimit limit(DescriptorLimit::none());
      control.findExited(std::array{&held});
    }
    CHECK_FALSE(held.hasExited);
    CHECK(control.send(held, Signal::Stop) == 0);
    CHECK(other.comesToStop());
    control.release(held);
  }

  TEST_CASE("a registration without a descriptor to read the leader's start time fails, and holds nothing") {
    if (!isUsable<PidfdControl>() || !procfs::isOurs()) return;
    PidfdControl processes;
    LinuxGroupControl control(processes);
    const Child leader;
    REQUIRE(setpgid(leader.pid(), leader.pid()) == 0);
    const std::size_t before = openDescriptors();
    Process held;
    Failures failures;
    {
      // The one that is left is for the pidfd.
      const DescriptorLimit limit(DescriptorLimit::none() + 1);
      failures = control.open(leader.pid(), held);
    }
    CHECK(describe(failures) == "ResourceExhausted " + std::to_string(leader.pid()) + " EMFILE");
    CHECK(held.fd == -1);
    CHECK(openDescriptors() == before);
    REQUIRE(describe(control.open(leader.pid(), held)).empty());
    CHECK(held.startTime != 0);
    control.release(held);
  }
}

}  // namespace freeze_state::test

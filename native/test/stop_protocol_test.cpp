#include "../core/modes/stop_protocol.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <vector>

#include "support/describe.h"
#include "support/script.h"

namespace freeze_state::test {

namespace {

/// Process 101 on a script, as the only member.
struct One {
  One() : member(members.add({})) { REQUIRE(test::describe(script.open(101, member.process)).empty()); }

  /// Probes it once, where it was not seen stopped yet.
  bool isQuiescent() { return protocol.confirmAll(members, cursor, {nullptr, kNoDeadline}).kind == Step::Kind::Done; }

  Script script;
  StopProtocol protocol{script};
  MemberList members{script};
  Member& member;
  ConfirmCursor cursor;
};

std::string describe(const std::optional<Failure>& failure) {
  return failure ? test::describe(Failures{*failure}) : std::string();
}

}  // namespace

TEST_SUITE("stop protocol") {
  TEST_CASE("SIGSTOP is sent again to a process that stays awake, at ever longer intervals") {
    One one;
    one.script.stuck(101);
    CHECK(describe(one.protocol.stop(one.member, StoppedBefore::Ignored)).empty());
    std::vector<int> resends;
    for (int probe = 1; probe <= 64; ++probe) {
      const std::size_t before = one.script.count(Signal::Stop);
      CHECK_FALSE(one.isQuiescent());
      if (one.script.count(Signal::Stop) > before) resends.push_back(probe);
    }
    CHECK(resends == std::vector<int>{4, 8, 16, 32, 64});
  }

  TEST_CASE("a member that was seen stopped is not probed again, until SIGSTOP is sent anew") {
    One one;
    one.protocol.stop(one.member, StoppedBefore::Ignored);
    CHECK(one.member.stop.isPending());
    CHECK(one.isQuiescent());
    CHECK_FALSE(one.member.stop.isPending());
    one.script.continued(101);
    CHECK(one.isQuiescent());
    one.script.stuck(101);
    one.protocol.stop(one.member, StoppedBefore::Ignored);
    CHECK_FALSE(one.isQuiescent());
  }

  TEST_CASE("G1: a member that a foreign process had stopped is ours to continue once SIGSTOP was sent to it again") {
    One one;
    one.script.stopped(101);
    one.protocol.stop(one.member, StoppedBefore::Noted);
    CHECK(one.member.stop.wasStoppedBefore);
    one.script.continued(101);
    for (int probe = 1; probe < 4; ++probe) CHECK_FALSE(one.isQuiescent());
    CHECK(one.member.stop.wasStoppedBefore);
    CHECK_FALSE(one.isQuiescent());
    CHECK_FALSE(one.member.stop.wasStoppedBefore);
    CHECK(one.script.isStopped(101));
  }

  TEST_CASE("a second SIGSTOP does not note our own stop as one by a foreign process") {
    One one;
    one.protocol.stop(one.member, StoppedBefore::Noted);
    one.protocol.stop(one.member, StoppedBefore::Noted);
    CHECK_FALSE(one.member.stop.wasStoppedBefore);
  }

  TEST_CASE("a SIGSTOP that is refused leaves no mark, and one that finds no process is no failure") {
    One one;
    one.script.answer(101, Signal::Stop, EPERM);
    CHECK(describe(one.protocol.stop(one.member, StoppedBefore::Ignored)) == "PermissionDenied 101 EPERM");
    CHECK_FALSE(one.member.stop.isSent);
    one.script.answer(101, Signal::Stop, ESRCH);
    CHECK(describe(one.protocol.stop(one.member, StoppedBefore::Ignored)).empty());
    CHECK_FALSE(one.member.stop.isSent);
    CHECK(one.member.hasExited());
  }

  TEST_CASE("a SIGCONT that is refused keeps the marks, and one that finds no process clears them") {
    One one;
    one.protocol.stop(one.member, StoppedBefore::Ignored);
    one.script.answer(101, Signal::Continue, EPERM);
    CHECK(describe(one.protocol.resume(one.member)) == "PermissionDenied 101 EPERM (stopped)");
    CHECK(one.member.stop.isSent);
    one.script.answer(101, Signal::Continue, ESRCH);
    CHECK(describe(one.protocol.resume(one.member)).empty());
    CHECK_FALSE(one.member.stop.isSent);
    CHECK(one.member.hasExited());
  }

  TEST_CASE(
      "a member that never stops does not hide the others, and a round of probes that finds nothing new is blocked") {
    Script script;
    StopProtocol protocol(script);
    MemberList members(script);
    for (const Pid pid : {101, 102, 103}) {
      Process process;
      REQUIRE(test::describe(script.open(pid, process)).empty());
      members.add({.process = process});
    }
    script.stuck(101);
    std::size_t next = 0;
    REQUIRE(protocol.stopAll(members.all(), next, {nullptr, kNoDeadline}).kind == Step::Kind::Done);
    ConfirmCursor cursor;
    CHECK(protocol.confirmAll(members, cursor, {nullptr, kNoDeadline}).kind == Step::Kind::More);
    CHECK(members.find(102)->stop.isSeen);
    CHECK(members.find(103)->stop.isSeen);
    CHECK(protocol.confirmAll(members, cursor, {nullptr, kNoDeadline}).kind == Step::Kind::Blocked);
    script.stuck(101, false);
    CHECK(protocol.confirmAll(members, cursor, {nullptr, kNoDeadline}).kind == Step::Kind::Done);
  }
}

}  // namespace freeze_state::test

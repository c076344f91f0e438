#include <doctest/doctest.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <ranges>
#include <string>
#include <vector>

#include "../core/os/freezable_cgroup.h"
#include "../core/os/process_control.h"
#include "../guardian/end.h"
#include "../guardian/thaw.h"
#include "support/child.h"
#include "support/ledger_file.h"
#include "support/real_group.h"
#include "support/wait_until.h"

namespace freeze_state::test {

namespace {

/// A child that is stopped, and its entry in the ledger.
struct Stopped {
  explicit Stopped(Ledger& ledger) {
    kill(child.pid(), SIGSTOP);
    REQUIRE(child.comesToStop());
    entry = ledger.enter(identity());
    REQUIRE_FALSE(entry.isEmpty());
  }
  LedgerIdentity identity() const {
    Process process{.pid = child.pid()};
    REQUIRE(systemControl().open(child.pid(), process).empty());
    const LedgerIdentity found = systemControl().identify(process);
    systemControl().release(process);
    return found;
  }

  Child child;
  LedgerEntry entry;
};

int thaw() {
  guardian::thaw();
  return 0;
}

int end() {
  guardian::end(0);
  return 0;
}

int removeAll() {
  guardian::removeOwnedCgroups();
  return 0;
}

}  // namespace

TEST_SUITE("the guardian's thaw") {
  TEST_CASE("what is marked is continued; what is not marked, or is to end with us, is not") {
    const LedgerFile file;
    Stopped marked(*file);
    const Stopped unmarked(*file);
    Stopped ending(*file->ending());
    marked.entry.mark();
    ending.entry.mark();
    CHECK(file.read(thaw) == 0);
    CHECK(marked.child.comesToRun());
    CHECK(unmarked.child.isStopped());
    CHECK(ending.child.isStopped());
  }

  TEST_CASE("G7: a process that has the number of a recorded one, and is another, is not continued") {
    const LedgerFile file;
    const Stopped stopped(*file);
    LedgerIdentity other = stopped.identity();
    (other.inode != 0 ? other.inode : other.startTime) += 1;
    LedgerEntry entry = file->enter(other);
    entry.mark();
    CHECK(file.read(thaw) == 0);
    CHECK(stopped.child.isStopped());
  }

  TEST_CASE("a group is continued as a whole, also when its leader has been reaped, and no group of another session") {
    for (const bool isOfSession : {true, false}) {
      CAPTURE(isOfSession);
      const LedgerFile file;
      Child leader;
      REQUIRE(setpgid(leader.pid(), leader.pid()) == 0);
      const Stopped follower(*file);
      REQUIRE(setpgid(follower.child.pid(), leader.pid()) == 0);
      LedgerIdentity group{.kind = LedgerIdentity::Kind::Group, .number = leader.pid(), .startTime = 1};
      group.session = isOfSession ? getsid(0) : getsid(0) + 1;
      LedgerEntry entry = file->enter(group);
      entry.mark();
      leader.kill();
      leader.reap();
      CHECK(file.read(thaw) == 0);
      CHECK((isOfSession ? follower.child.comesToRun() : follower.child.isStopped()));
    }
  }

  TEST_CASE("a group without its leader is found also without a /proc of the pid namespace, and signalled as a whole") {
    enum class Session : std::uint8_t { Recorded, Other, Outside };
    for (const bool isEnd : {false, true}) {
      for (const Session session : {Session::Recorded, Session::Other, Session::Outside}) {
        CAPTURE(isEnd);
        CAPTURE(static_cast<int>(session));
        // One that was begun outside of the namespace is 0 there, as any other. Nothing is killed by that alone.
        const bool isSignalled = session == Session::Recorded || (session == Session::Outside && !isEnd);
        const auto signalled = [&] {
          if (session != Session::Outside && setsid() < 0) return 7;
          const LedgerFile file;
          Child leader;
          const Child follower;
          if (setpgid(leader.pid(), leader.pid()) != 0 || setpgid(follower.pid(), leader.pid()) != 0) return 1;
          kill(follower.pid(), SIGSTOP);
          siginfo_t news{};
          if (waitid(P_PID, static_cast<id_t>(follower.pid()), &news, WSTOPPED) != 0) return 2;
          LedgerIdentity group{.kind = LedgerIdentity::Kind::Group, .number = leader.pid(), .startTime = 1};
          group.session = getsid(follower.pid()) + (session == Session::Other ? 1 : 0);
          LedgerEntry entry = (isEnd ? file->ending() : &*file)->enter(group);
          entry.mark();
          leader.kill();
          leader.reap();
          if (file.read(isEnd ? end : thaw) != 0) return 3;
          news = {};
          const int options = WCONTINUED | WEXITED | WNOWAIT;
          // One that was sent nothing has no news.
          if (waitid(P_PID, static_cast<id_t>(follower.pid()), &news, options | (isSignalled ? 0 : WNOHANG)) != 0)
            return 4;
          if (!isSignalled) return news.si_pid == 0 ? 0 : 5;
          return news.si_code == (isEnd ? CLD_KILLED : CLD_CONTINUED) ? 0 : 6;
        };
        CHECK(runInFork([&] {
                // Not every user may make a pid namespace.
                return unshare(CLONE_NEWPID) != 0 ? 0 : runInFork(signalled);
              }) == 0);
      }
    }
  }

  TEST_CASE("a control group that is marked is thawed, and one whose inode has changed is not") {
    const RealGroup group("thaw");
    if (!canMake(group)) return;
    const LedgerFile file;
    for (const bool isRecorded : {false, true}) {
      std::ofstream(group.path + "/cgroup.freeze") << "1";
      REQUIRE(group.isFrozen());
      LedgerCgroup recorded = group.recorded(false);
      if (!isRecorded) ++recorded.inode;
      LedgerEntry entry = file->enter(recorded);
      entry.mark();
      CHECK(file.read(thaw) == 0);
      CHECK(group.isFrozen() == !isRecorded);
    }
  }

  TEST_CASE("of the control groups that are empty, those that the emulator made are removed, and no others") {
    const RealGroup owned("owned");
    const RealGroup external("external");
    if (!canMake(owned) || !canMake(external)) return;
    const LedgerFile file;
    const LedgerEntry first = file->enter(owned.recorded(true));
    const LedgerEntry second = file->enter(external.recorded(false));
    CHECK(file.read([] {
      guardian::removeOwnedCgroups();
      return 0;
    }) == 0);
    CHECK_FALSE(owned.exists());
    CHECK(external.exists());
  }

  TEST_CASE("a control group is removed with the empty ones below, and nothing of it while a process is in one") {
    const RealGroup owned("owned");
    if (!canMake(owned)) return;
    const RealGroup beside("beside");
    const std::vector<std::string> below{"/first", "/first/deep", "/first/deep/deeper", "/second"};
    for (const std::string& name : below) REQUIRE(mkdir((owned.path + name).c_str(), S_IRWXU) == 0);
    Child inside;
    std::ofstream(owned.path + "/second/cgroup.procs") << inside.pid();
    const LedgerFile file;
    const LedgerEntry entry = file->enter(owned.recorded(true));
    CHECK(file.read(removeAll) == 0);
    for (const std::string& name : below) CHECK(std::filesystem::exists(owned.path + name));
    inside.kill();
    inside.reap();
    // It leaves the group a moment after it was reaped.
    CHECK(waitUntil([&] { return file.read(removeAll) == 0 && !owned.exists(); }));
    CHECK(beside.exists());
    // These are left only where the test has failed.
    for (const std::string& name : below | std::views::reverse) rmdir((owned.path + name).c_str());
  }

  TEST_CASE("a control group stays as long as a group below belongs to a state of another process, even an empty one") {
    const RealGroup owned("outer");
    if (!canMake(owned)) return;
    const std::string below = owned.path + "/below";
    REQUIRE(mkdir(below.c_str(), S_IRWXU) == 0);
    Failures failures;
    auto other = FreezableCgroup::open({}, below, true, failures);
    REQUIRE(failures.empty());
    const LedgerFile file;
    const LedgerEntry entry = file->enter(owned.recorded(true));
    CHECK(file.read(removeAll) == 0);
    CHECK(std::filesystem::exists(below));
    // As the owner does when it ends.
    other->closeFiles();
    CHECK(file.read(removeAll) == 0);
    CHECK_FALSE(owned.exists());
    rmdir(below.c_str());
  }

  TEST_CASE("a control group that has groups too far below stays") {
    const RealGroup owned("deep");
    if (!canMake(owned)) return;
    constexpr int kTooMany = 18;
    std::vector<std::string> paths;
    for (int i = 0; i < kTooMany; ++i) {
      paths.push_back((paths.empty() ? owned.path : paths.back()) + "/below");
      REQUIRE(mkdir(paths.back().c_str(), S_IRWXU) == 0);
    }
    const LedgerFile file;
    const LedgerEntry entry = file->enter(owned.recorded(true));
    CHECK(file.read([] {
      guardian::removeOwnedCgroups();
      return 0;
    }) == 0);
    CHECK(owned.exists());
    for (const std::string& path : paths | std::views::reverse) rmdir(path.c_str());
  }
}

}  // namespace freeze_state::test

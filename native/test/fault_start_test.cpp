// What is done before the first freeze: a ledger is made, the guardian is started, a control group is made. A seccomp
// filter makes one of the system calls fail, in a fork.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "../core/os/freezable_cgroup.h"
#include "../core/os/linux/guardian_program.h"
#include "../core/os/linux/ledger.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/describe.h"
#include "support/descriptors.h"
#include "support/fault_list.h"
#include "support/faults_page.h"

namespace freeze_state::test {

namespace {

/// A call that is made to fail, and its numbers on this architecture.
struct Denied {
  std::string name;
  std::vector<unsigned> numbers;
  std::vector<int> errors;
};

/// What is done, what becomes of it where one of the calls fails, and a check of that, which returns 0 where all is as
/// it has to be.
struct Start {
  const char* name;
  const char* outcome;
  std::vector<Denied> calls;
  int (*run)(const Denied& denied, int error, const std::string& parent);
};

constexpr int kNoFilter = 100;

bool install(const Denied& denied, int error) {
  return std::ranges::all_of(denied.numbers,
                             [error](unsigned number) { return deny(number, static_cast<unsigned>(error)); });
}

int makeLedger(const Denied& denied, int error, const std::string& /*parent*/) {
  const std::size_t before = openDescriptors();
  if (!install(denied, error)) return kNoFilter;
  FileDescriptor file;
  Failure why{};
  if (MappedLedger::make(file, why)) return 1;
  if (why.code != FailureCode::GuardianFailed || why.call != denied.name || why.error != error) return 2;
  return !file.isOpen() && openDescriptors() == before ? 0 : 3;
}

int startGuardian(const Denied& denied, int error, const std::string& /*parent*/) {
  FileDescriptor ledger;
  Failure none{};
  if (!MappedLedger::make(ledger, none)) return 1;
  const std::size_t before = openDescriptors();
  if (!install(denied, error)) return kNoFilter;
  guardian::Run run = guardian::startProgram(GUARDIAN_PROGRAM, ledger.get());
  if (run.why.size() != 1 || run.why.front().error != error) return 2;
  const std::string call = denied.name == "socketpair" ? denied.name : "posix_spawn";
  if (run.why.front().call != call) return 3;
  guardian::retire(run);
  if (openDescriptors() != before) return 4;
  return waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD ? 0 : 5;
}

/// Whether no group is below that one: the kernel counts a link for each. To list them takes calls that may be denied.
bool isEmpty(const std::string& parent) {
  struct stat status{};
  constexpr nlink_t kOwn = 2;
  return stat(parent.c_str(), &status) == 0 && status.st_nlink == kOwn;
}

/// The number at the end of a group's name, which counts those that the process has made.
int numberOf(const std::string& path) { return std::stoi(path.substr(path.rfind('-') + 1)); }

int makeGroup(const Denied& denied, int error, const std::string& parent) {
  Failures failures;
  int last = 0;
  if (const auto group = FreezableCgroup::make({.path = "", .parent = parent}, failures))
    last = numberOf(group->path());
  const std::size_t before = openDescriptors();
  if (!install(denied, error)) return kNoFilter;
  if (FreezableCgroup::make({.path = "", .parent = parent}, failures)) return 1;
  if (failures.size() != 1 || failures.front().call != denied.name || failures.front().error != error) return 2;
  if (openDescriptors() != before || !isEmpty(parent)) return 3;
  // The error would meet each group, so no other one was made after that. What mkdir(2) refuses has no name.
  const std::string& path = failures.front().path;
  return path == parent || numberOf(path) == last + 1 ? 0 : 4;
}

int makeGroupAnyway(const Denied& denied, int error, const std::string& parent) {
  if (!install(denied, error)) return kNoFilter;
  Failures failures;
  const auto group = FreezableCgroup::make({.path = "", .parent = parent}, failures);
  if (!group || !failures.empty()) return 1;
  return group->setFrozen(true) == 0 && group->setFrozen(false) == 0 && group->remove() == 0 && isEmpty(parent) ? 0 : 2;
}

int removeGroup(const Denied& denied, int error, const std::string& parent) {
  Failures failures;
  const auto group = FreezableCgroup::make({.path = "", .parent = parent}, failures);
  if (!group) return 1;
  if (!install(denied, error)) return kNoFilter;
  return group->remove() == error && !isEmpty(parent) ? 0 : 2;
}

// Older calls are not on every architecture.
std::vector<unsigned> numbersOfMkdir() {
  return {
#ifdef SYS_mkdir
      SYS_mkdir,
#endif
      SYS_mkdirat};
}
std::vector<unsigned> numbersOfRmdir() {
  return {
#ifdef SYS_rmdir
      SYS_rmdir,
#endif
      SYS_unlinkat};
}
std::vector<unsigned> numbersOfAccess() {
  constexpr unsigned kFaccessat2 = 439;
  return {
#ifdef SYS_access
      SYS_access,
#endif
      SYS_faccessat, kFaccessat2};
}
std::vector<unsigned> numbersOfChmod() {
  return {
#ifdef SYS_chmod
      SYS_chmod,
#endif
      SYS_fchmodat};
}
std::vector<unsigned> numbersOfClone() {
  constexpr unsigned kClone3 = 435;
  return {
#ifdef SYS_vfork
      SYS_vfork,
#endif
      SYS_clone, kClone3};
}

const std::vector<Start>& starts() {
  static const std::vector<Start> all{
      {"the ledger",
       "no guardian, and its reason names the call",
       {{"memfd_create", {SYS_memfd_create}, {EACCES, EINVAL, EMFILE, ENFILE, ENOMEM, EPERM}},
        {"ftruncate", {SYS_ftruncate}, {EACCES, EINTR, EINVAL, EIO, ENOMEM, EPERM}},
        {"madvise", {SYS_madvise}, {EACCES, EAGAIN, EFAULT, EIO, ENOMEM, EPERM}}},
       makeLedger},
      {"the guardian",
       "no guardian, and its reason names the call",
       {{"socketpair", {SYS_socketpair}, {EACCES, EMFILE, ENFILE, ENOMEM, EPERM}},
        {"clone", numbersOfClone(), {EAGAIN, EINVAL, ENOMEM, EPERM}},
        {"execve", {SYS_execve}, {EACCES, EIO, EMFILE, ENFILE, ENOENT, ENOMEM, ENOTDIR, EPERM}}},
       startGuardian},
      {"a control group",
       "an error that names the call; no group is left",
       {{"mkdir", numbersOfMkdir(), {EACCES, EAGAIN, ENOENT, ENOMEM, ENOSPC, ENOTDIR, EPERM, EROFS}},
        {"access", numbersOfAccess(), {EACCES, EIO, ENOMEM, EPERM, EROFS}},
        {"fcntl", {SYS_fcntl}, {EACCES, EAGAIN, EINVAL, ENOLCK, ENOMEM, EPERM}}},
       makeGroup},
      {"a control group",
       "works",
       {{"chmod", numbersOfChmod(), {EACCES, EIO, ENOENT, ENOMEM, EPERM, EROFS}},
        {"flock", {SYS_flock}, {EBADF, EINVAL, ENOMEM, EPERM}}},
       makeGroupAnyway},
      {"its removal",
       "an error; the next state under the same parent removes it",
       {{"rmdir", numbersOfRmdir(), {EACCES, EINVAL, ENOMEM, ENOTDIR, EPERM, EROFS}}},
       removeGroup},
  };
  return all;
}

bool isOfGroup(const Start& start) { return start.run != makeLedger && start.run != startGuardian; }

/// The table of docs/faults.md.
std::string startTable() {
  std::string text = "| what | call | fails with | then |\n| --- | --- | --- | --- |\n";
  for (const Start& start : starts()) {
    for (const Denied& denied : start.calls) {
      text.append("| ").append(start.name).append(" | `").append(denied.name).append("` | ");
      text.append(namesOf(denied.errors)).append(" | ").append(start.outcome).append(" |\n");
    }
  }
  return text;
}

}  // namespace

TEST_SUITE("faults") {
  TEST_CASE("each call by which a ledger, the guardian and a control group are made fails in turn") {
    Failures failures;
    const auto parent = FreezableCgroup::make({}, failures);
    if (!parent) MESSAGE("no control groups: there is no right to make one here");
    for (const Start& start : starts()) {
      if (isOfGroup(start) && !parent) continue;
      for (const Denied& denied : start.calls) {
        for (const int error : denied.errors) {
          CAPTURE(std::string(start.name));
          CAPTURE(denied.name);
          CAPTURE(nameOfError(error));
          CHECK(runInFork([&] { return start.run(denied, error, parent ? parent->path() : ""); }) == 0);
          if (start.run != removeGroup) continue;
          CHECK(FreezableCgroup::make({.path = "", .parent = parent->path()}, failures));
          CHECK(isEmpty(parent->path()));
        }
      }
    }
  }

  TEST_CASE("docs/faults.md shows what was injected at the start") { checkFaultsPageShows(startTable()); }
}

}  // namespace freeze_state::test

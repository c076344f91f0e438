#include "../guardian.h"

#include <atomic>
#include <cerrno>
#include <mutex>
#include <utility>

#include "../file_descriptor.h"
#include "access.h"
#include "guardian_keeper.h"
#include "ledger.h"

namespace freeze_state::guardian {

namespace {

/// What the states ask for and the keeper tells.
struct Shared {
  std::mutex mutex;      ///< guards the rest
  std::string program;   ///< not changed any more once `isAsked`
  bool isAsked = false;  ///< `start` was called
  bool isTold = false;   ///< the first guardian is ready, or has failed
  Failures why;
  MappedLedger* ledger = nullptr;  ///< never destroyed
};

/// Never destroyed: the keeper runs until the process has ended.
Shared& shared() {
  static Shared& only = *new Shared();
  return only;
}

std::atomic<Pid> runningPid{0};

/// Called in the keeper's thread.
void tell(Pid pid, Failures why) {
  Shared& all = shared();
  const std::lock_guard lock(all.mutex);
  runningPid = pid;
  all.why = std::move(why);
  all.isTold = true;
  if (all.ledger != nullptr) all.ledger->endWait();
}

Failures whyNotExecutable(const std::string& program) {
  const int error = findAccess(program.c_str(), X_OK);
  if (error == 0) return {};
  const bool isMissing = error == ENOENT || error == ENOTDIR;
  Failure failure{
      .code = isMissing ? FailureCode::GuardianMissing : FailureCode::GuardianFailed, .error = error, .call = "access"};
  failure.path = program;
  return {failure};
}

}  // namespace

void setProgram(std::string path) {
  Shared& all = shared();
  const std::lock_guard lock(all.mutex);
  if (!all.isAsked) all.program = std::move(path);
}

Ledger* start() noexcept {
  Shared& all = shared();
  const std::lock_guard lock(all.mutex);
  if (all.ledger != nullptr) return all.ledger;
  all.isAsked = true;
  FileDescriptor file;
  Failure why{};
  auto ledger = MappedLedger::make(file, why);
  const int error = ledger ? startKeeper({all.program, file.get(), tell}) : 0;
  if (!ledger || error != 0) {
    // The next state tries it again.
    all.why = error == 0 ? Failures{why}
                         : Failures{{.code = FailureCode::GuardianFailed, .error = error, .call = "pthread_create"}};
    all.isTold = true;
    return nullptr;
  }
  // The keeper's. Where that has a table of its own, the descriptor stays open here as well, and is not used again.
  file.release();
  all.ledger = ledger.release();
  all.isTold = false;
  return all.ledger;
}

Status status() {
  Shared& all = shared();
  const std::lock_guard lock(all.mutex);
  if (!all.isTold) return {.pid = 0, .isStarting = all.isAsked, .why = whyNotExecutable(all.program)};
  return {.pid = runningPid.load(), .isStarting = false, .why = all.why};
}

Pid pid() noexcept { return runningPid.load(); }

bool isWhole() noexcept {
  Shared& all = shared();
  const std::lock_guard lock(all.mutex);
  return runningPid.load() != 0 && all.why.empty();
}

}  // namespace freeze_state::guardian

#include "../child_stops.h"

#include <signal.h>

#include <atomic>

namespace freeze_state::child_stops {

namespace {

std::atomic<bool> isWanted{false};
/// Whether an SA_NOCLDSTOP that is set may be ours.
std::atomic<bool> wasSet{false};

/// With no handler there is nothing to interrupt, so SIG_DFL and SIG_IGN are left alone: writing one back could undo a
/// handler that another thread sets at this moment. Writing a handler back cannot: libuv has one handler for all its
/// life.
void setFlag(bool yes) noexcept {
  struct sigaction action{};
  if (sigaction(SIGCHLD, nullptr, &action) != 0) return;
  const bool hasHandler =
      (action.sa_flags & SA_SIGINFO) != 0 || (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
  if (!hasHandler || ((action.sa_flags & SA_NOCLDSTOP) != 0) == yes) return;
  action.sa_flags ^= SA_NOCLDSTOP;
  sigaction(SIGCHLD, &action, nullptr);
  if (yes) wasSet = true;
}

}  // namespace

bool areWanted() noexcept { return isWanted; }

void want(bool yes) noexcept {
  isWanted = yes;
  if (yes && wasSet.exchange(false)) setFlag(false);
}

void quiet() noexcept {
  if (isWanted) return;
  setFlag(true);
  // Another thread may have called `want` in between. Then either it saw no flag to take off, or this check sees its
  // call.
  if (isWanted && wasSet.exchange(false)) setFlag(false);
}

}  // namespace freeze_state::child_stops

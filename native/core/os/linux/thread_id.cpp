#include "thread_id.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "procfs.h"

namespace freeze_state {

namespace {

/// Returns 0, or the errno(3): ESRCH where that process has no such thread.
int findThread(Pid process, Pid thread) noexcept { return syscall(SYS_tgkill, process, thread, 0) == 0 ? 0 : errno; }

bool isChild(Pid pid) noexcept {
  siginfo_t nothing{};
  return waitid(P_PID, static_cast<id_t>(pid), &nothing, WEXITED | WNOHANG | WNOWAIT) == 0;
}

}  // namespace

std::optional<bool> isThreadId(Pid pid) noexcept {
  const int error = findThread(pid, pid);
  if (error == 0) return false;
  if (error == ESRCH) return kill(pid, 0) == 0 || errno != ESRCH;
  // Either it leads a process that we may not signal, or a filter forbids the call.
  const auto self = static_cast<Pid>(syscall(SYS_gettid));
  if (findThread(getpid(), self) == 0) return false;
  return procfs::isThread(pid);
}

bool mayBeOurs(Pid pid) noexcept {
  if (pid == getpid()) return true;
  return isThreadId(pid).value_or(!isChild(pid));
}

}  // namespace freeze_state

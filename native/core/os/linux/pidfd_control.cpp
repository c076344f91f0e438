#include "pidfd_control.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "../file_descriptor.h"
#include "../posix/kill_control.h"
#include "pidfd.h"
#include "process_files.h"
#include "procfs.h"
#include "thread_id.h"
#include "thread_scan.h"

namespace freeze_state {

namespace {

/// A pidfd polls readable once its process has exited, reaped or not.
// NOLINTNEXTLINE(misc-no-recursion): each time for half as many of at most 512
void pollExits(std::span<pollfd> fds) noexcept {
  if (poll(fds.data(), fds.size(), 0) >= 0 || fds.size() <= 1) return;
  // More of them than RLIMIT_NOFILE now allows (EINVAL), or no memory for so many: take fewer at a time.
  pollExits(fds.first(fds.size() / 2));
  pollExits(fds.subspan(fds.size() / 2));
}

/// waitid(2), Linux 5.4; older C libraries do not have the name.
constexpr auto kPidfd = static_cast<idtype_t>(3);

/// Empty where it is not a child of ours. Where one of several threads has called execve(2) it may be true although
/// that thread runs.
std::optional<bool> isStoppedChild(const Process& process) noexcept {
  siginfo_t stopped{};
  if (waitid(kPidfd, static_cast<id_t>(process.fd), &stopped, WSTOPPED | WNOHANG | WNOWAIT) != 0) return std::nullopt;
  return stopped.si_pid == process.pid;
}

}  // namespace

bool PidfdControl::isAvailable() noexcept {
  const FileDescriptor self(pidfd::open(getpid()));
  // A lack of descriptors or memory says nothing against pidfds: registering will answer that when it is asked.
  if (!self.isOpen()) return isOutOfResources(errno);
  return pidfd::sendSignal(self.get(), 0) == 0;
}

Pid PidfdControl::ownPid() const noexcept { return getpid(); }

Failures PidfdControl::open(Pid pid, Process& process) noexcept {
  process.pid = pid;
  process.inode = 0;
  process.fd = pidfd::open(pid);
  const int error = process.fd < 0 ? errno : 0;
  if (error == 0) {
    if (!process.files && procfs::isOurs()) process.files = std::make_shared<ProcessFiles>(pid);
    return {};
  }
  switch (error) {
    case ESRCH: process.hasExited = true; return {};
    case EINVAL:  // a task that does not lead a process, or one that is just dying: kernels differ in the errno
    case ENOENT:
      if (isThreadId(pid).value_or(false)) return {{.code = FailureCode::ThreadId, .pid = pid}};
      process.hasExited = true;
      return {};
    default: return {{.code = FailureCode::ResourceExhausted, .pid = pid, .error = error, .call = "pidfd_open"}};
  }
}

void PidfdControl::release(Process& process) noexcept {
  if (process.fd >= 0) close(process.fd);
  process.fd = -1;
  process.files.reset();
}

bool PidfdControl::keep(Process& process) noexcept {
  if (!process.files || process.fd < 0) return false;
  process.files->keepPidfd(std::exchange(process.fd, -1));
  return process.files->isAnyOpen();
}

bool PidfdControl::reopen(Process& process) noexcept {
  if (process.files) process.fd = process.files->takePidfd();
  return process.fd >= 0;
}

int PidfdControl::send(const Process& process, Signal signal) noexcept {
  if (process.files) process.files->noteSignalled();
  return pidfd::sendSignal(process.fd, signalNumber(signal));
}

ProcessState PidfdControl::probe(const Process& process) noexcept {
  ThreadScan scan;
  return probe(process, scan, {}).value_or(ProcessState::Unknown);
}

std::optional<ProcessState> PidfdControl::probe(const Process& process, ThreadScan& scan, const Slice& slice) noexcept {
  if (process.fd < 0) return ProcessState::Gone;
  const auto probed =
      process.files ? procfs::probe(*process.files, scan, slice) : procfs::probe(process.pid, scan, slice);
  if (!probed) return std::nullopt;
  const ProcessState state = *probed;
  // An open file of the process itself says so, so no check is needed.
  if (state == ProcessState::Stopped && process.files && process.files->isOfOwner()) return state;
  // Asked only now: if the process lives, the pid is its own, and was when /proc was read.
  pollfd fd{process.fd, POLLIN, 0};
  const bool hasExited = poll(&fd, 1, 0) > 0;
  if (hasExited) return state == ProcessState::Zombie ? state : ProcessState::Gone;
  if (process.files) process.files->noteOwner();
  // A process that lives and only seems to have ended is in execve(2), for a moment; or /proc hides it from us.
  const bool seemsEnded = state == ProcessState::Gone || state == ProcessState::Zombie;
  if (seemsEnded && procfs::showsAll()) return ProcessState::Unknown;
  if (!seemsEnded && state != ProcessState::Unknown) return state;
  return isStoppedChild(process).value_or(false) ? ProcessState::Stopped : ProcessState::Unknown;
}

bool PidfdControl::isStopped(const Process& process) noexcept {
  if (process.fd < 0) return false;
  if (const auto child = isStoppedChild(process); child) return *child;
  // Asks about its first thread only, since there may be hundreds.
  ProcessEntry stat;
  const int error = process.files ? process.files->read(stat) : procfs::read(process.pid, stat);
  return error == 0 && (stat.state == 'T' || stat.state == 't');
}

bool PidfdControl::isKernelThread(Pid pid) noexcept { return procfs::isKernelThread(pid); }

Pid PidfdControl::tracerOf(const Process& process) noexcept { return procfs::tracerOf(process.pid); }

LedgerIdentity PidfdControl::identify(Process& process) noexcept {
  if (process.fd < 0) return {};
  LedgerIdentity identity{.kind = LedgerIdentity::Kind::Process, .number = process.pid};
  if (process.inode == 0) process.inode = pidfd::inodeOf(process.fd);
  identity.inode = process.inode;
  if (identity.inode != 0) return identity;
  // Before Linux 6.9 the start time has to do.
  Process now = process;
  ProcessEntry stat;
  if (verified(*this, now, [&] { return procfs::read(now.pid, stat); }) == 0) identity.startTime = stat.startTime;
  return identity;
}

void PidfdControl::findExited(std::span<Process* const> processes) noexcept {
  constexpr std::size_t kAtOnce = 512;
  std::array<pollfd, kAtOnce> fds;
  while (!processes.empty()) {
    const auto some = processes.first(std::min(processes.size(), kAtOnce));
    // poll(2) passes over the descriptor -1, which is what a process that never existed has.
    std::ranges::transform(some, fds.begin(), [](const Process* one) { return pollfd{one->fd, POLLIN, 0}; });
    pollExits(std::span(fds).first(some.size()));
    for (std::size_t i = 0; i < some.size(); ++i) some[i]->hasExited = some[i]->hasExited || fds[i].revents != 0;
    processes = processes.subspan(some.size());
  }
}

}  // namespace freeze_state

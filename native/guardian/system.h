#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

/// What the guardian asks of the kernel. The guardian is not linked with the core, so that it stays small.
namespace freeze_state::guardian {

/// pidfd_open(2); -1 with errno(3) set.
int openPidfd(int pid);
/// pidfd_send_signal(2); false with errno(3) set.
bool signalPidfd(int fd, int signal, unsigned flags = 0);
/// PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9; before that, EINVAL.
inline constexpr unsigned kProcessGroup = 1U << 2;
/// The inode of a pidfd, which names its process from Linux 6.9 on; 0 where it names nothing.
std::uint64_t inodeOf(int pidfd);

/// Whether /proc is that of our pid namespace. Where it is not, or there is none, the functions that ask /proc about a
/// pid find nothing: in another namespace the number means another process.
bool isProcOurs();

/// Some fields of proc_pid_stat(5).
struct ProcessStat {
  char state = 0;               ///< field 3
  int parent = 0;               ///< field 4
  int group = 0;                ///< field 5
  int session = 0;              ///< field 6
  int threads = 0;              ///< field 20
  std::uint64_t startTime = 0;  ///< field 22
  unsigned long pending = 0;    ///< field 31: signals that were sent to the thread, and not taken yet; a bit each
};
/// Reads /proc/<pid>/stat. False where there is no such process, or /proc does not show it.
bool readStat(int pid, ProcessStat& stat);

/// Whether a thread of the process was sent SIGKILL and has not noticed: it may be in the midst of a system call. The
/// kernel sends it to each thread when a process ends by a signal, by exit_group(2) or by execve(2), and no thread can
/// make another one from then on. True, too, where the threads could not be counted. False where /proc does not tell.
bool hasThreadToDie(int pid);

/// The entries of a directory, a few at a time: it takes no memory but its own (opendir(3) allocates).
class Entries {
 public:
  explicit Entries(int directory) : directory_(directory) {}

  /// Goes to the next entry, the first at first. False at the end, and where the directory cannot be read.
  bool next();
  /// About the entry that it is at.
  const char* name() const;
  bool isDirectory() const;

 private:
  const int directory_;
  alignas(8) std::array<char, 1024> entries_;  ///< as getdents64(2) fills it
  std::size_t at_ = 0;
  std::size_t next_ = 0;
  std::size_t end_ = 0;
};

/// Reads the environment that a process was started with, a 0 behind each variable (proc_pid_environ(5)): `size` bytes
/// at most. Returns how many it has read; 0 where it may not be read.
std::size_t readEnvironment(int pid, char* into, std::size_t size);

/// Calls `visit` with the pid of each process until it returns true. Returns whether it did.
bool anyProcess(bool (*visit)(void* context, int pid), void* context);
template <typename Visit>
bool anyProcess(Visit visit) {
  return anyProcess([](void* context, int pid) { return (*static_cast<Visit*>(context))(pid); }, &visit);
}

/// The capabilities that are effective (capabilities(7)), a bit each.
std::uint64_t effectiveCapabilities();

/// Takes on these users and groups, each real, effective and saved, and the other groups: as far as we may.
void changeUser(const std::array<std::uint32_t, 3>& users, const std::array<std::uint32_t, 3>& groups,
                std::span<const std::uint32_t> others);

/// Closes all descriptors from that one on.
void closeFrom(int first);

/// Opens the standard descriptors on /dev/null, so that a process that waits for the end of the emulator's output does
/// not wait for us.
void dropStandardDescriptors();

/// Lets the kernel kill others first where memory is short, if we may (oom_score_adj).
void avoidOutOfMemory();

}  // namespace freeze_state::guardian

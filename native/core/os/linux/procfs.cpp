#include "procfs.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include "kernel_file.h"

namespace freeze_state::procfs {

namespace {

/// The fields of a stat file that come after the state, one after the other.
class Fields {
 public:
  explicit Fields(std::string_view text) : text_(text) {}

  /// The number in the field that is `count` fields further on; empty where there is none.
  template <typename Number>
  std::optional<Number> skipTo(int count) noexcept {
    for (int field = 0; field < count; ++field) {
      const auto space = text_.find(' ');
      if (space == std::string_view::npos) return std::nullopt;
      text_.remove_prefix(space + 1);
    }
    return kernel_file::parse<Number>(text_);
  }

 private:
  std::string_view text_;
};

/// Parses the text of a stat file, which begins with the number of the task. Returns 0, or EIO where it is none.
int parseStat(std::string_view text, Pid& number, ProcessEntry& entry) noexcept {
  number = kernel_file::parse<Pid>(text).value_or(0);
  // Field 2 is the command in parentheses and may hold any character, parentheses and spaces too: the last one ends it.
  const auto command = text.rfind(") ");
  if (command == std::string_view::npos) return EIO;
  text.remove_prefix(command + 2);
  const char state = text.empty() ? 'X' : text.front();
  Fields fields(text);
  const auto parent = fields.skipTo<Pid>(4 - 3);
  const auto group = fields.skipTo<Pid>(5 - 4);
  const auto flags = fields.skipTo<std::uint32_t>(9 - 5);
  const auto threads = fields.skipTo<std::int64_t>(20 - 9);
  const auto startTime = fields.skipTo<std::uint64_t>(22 - 20);
  if (!parent || !group || !flags || !threads || !startTime) return EIO;
  entry = {state, *parent, *group, *threads, *startTime, *flags};
  return 0;
}

/// Reads and parses the stat file /proc/<pid>/<file>. Returns 0, or the errno(3).
int readFile(Pid pid, const char* file, Pid& number, ProcessEntry& entry) noexcept {
  if (!isOurs()) return ESRCH;
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/%s", pid, file);
  kernel_file::Buffer buffer;
  std::string_view text;
  const int error = kernel_file::readBeginning(path.data(), buffer, text);
  return error == 0 ? parseStat(text, number, entry) : error;
}

/// The number in the line of /proc/<pid>/status that begins with `start`, as for `findLine`. Empty where it cannot be
/// read.
template <typename Number>
std::optional<Number> statusField(Pid pid, std::string_view start, int base = 10) noexcept {
  if (!isOurs()) return std::nullopt;
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/status", pid);
  kernel_file::Buffer buffer;
  std::string_view line;
  if (kernel_file::findLine(path.data(), start, buffer, line) != 0) return std::nullopt;
  return kernel_file::parse<Number>(line, base);
}

/// Whether /proc/self leads to our pid. It does not where there is no /proc, and hardly ever where it is another
/// namespace's.
bool leadsToUs() noexcept {
  std::array<char, 16> target{};
  const ssize_t length = readlink("/proc/self", target.data(), target.size());
  return length > 0 && kernel_file::parse<Pid>({target.data(), static_cast<std::size_t>(length)}) == getpid();
}

/// Whether we have another pid, too, in the namespace of /proc: `NSpid` has one number for each namespace from that one
/// to ours. Empty where that cannot be read.
std::optional<bool> isOfOuterNamespace() noexcept {
  kernel_file::Buffer buffer;
  std::string_view line;
  if (kernel_file::findLine("/proc/self/status", "\nNSpid:\t", buffer, line) != 0) return std::nullopt;
  // Before Linux 4.1 there is no such line.
  return line.find('\t') != std::string_view::npos;
}

}  // namespace

bool isOurs() noexcept {
  // The pid for which the answer is known to be yes; a fork may be in another namespace. Threads that find it out at
  // the same time find the same.
  static std::atomic<Pid> known{0};
  const Pid self = getpid();
  if (known.load(std::memory_order_relaxed) == self) return true;
  if (!leadsToUs()) return false;
  const auto isOuter = isOfOuterNamespace();
  // Where the file cannot be read, for lack of descriptors, for example, the answer is yes, since the link leads to us.
  // It is not remembered, so that the next call asks again.
  if (isOuter && !*isOuter) known.store(self, std::memory_order_relaxed);
  return !isOuter.value_or(false);
}

int read(Pid pid, ProcessEntry& entry) noexcept {
  Pid number = 0;
  const int error = readFile(pid, "stat", number, entry);
  // It went while it was read: it was reaped, or the thread that called execve(2) has taken over its number.
  return error == 0 && entry.threads == 0 ? readFile(pid, "stat", number, entry) : error;
}

int readThread(Pid pid, Pid thread, ProcessEntry& entry) noexcept {
  Pid number = 0;
  const auto readIn = [&](Pid directory) {
    std::array<char, 64> file{};
    std::snprintf(file.data(), file.size(), "task/%d/stat", thread);
    return readFile(directory, file.data(), number, entry);
  };
  const int error = readIn(pid);
  if (error != 0 || number == thread || thread == pid) return error;
  const int otherError = readIn(thread);
  return otherError == 0 && processOf(thread) != pid ? ESRCH : otherError;
}

Pid processOf(Pid thread) noexcept { return statusField<Pid>(thread, "\nTgid:\t").value_or(0); }

int readStat(int fd, Pid task, ProcessEntry& entry) noexcept {
  kernel_file::Buffer buffer;
  const ssize_t length = kernel_file::readAt(fd, buffer, 0);
  if (length < 0) return errno;
  Pid number = 0;
  const int error = parseStat({buffer.data(), static_cast<std::size_t>(length)}, number, entry);
  return error == 0 && number != task ? ESTALE : error;
}

Pid groupOf(Pid pid) noexcept {
  // 0 is an answer, and /proc has the same one: for a thread of the kernel, and for a group outside of our pid
  // namespace. A walk meets many of the former.
  if (const Pid group = getpgid(pid); group >= 0) return group;
  ProcessEntry entry;
  return errno != ESRCH && read(pid, entry) == 0 ? entry.group : 0;
}

std::optional<bool> hasStopPending(Pid pid) noexcept {
  constexpr int kHexadecimal = 16;
  const auto pending = statusField<std::uint64_t>(pid, "\nShdPnd:\t", kHexadecimal);
  if (!pending) return std::nullopt;
  return (*pending >> (SIGSTOP - 1) & 1) != 0;
}

Pid tracerOf(Pid pid) noexcept {
  const Pid thread = statusField<Pid>(pid, "\nTracerPid:\t").value_or(0);
  return thread == 0 ? 0 : processOf(thread);
}

bool isKernelThread(Pid pid) noexcept {
  // A thread of the kernel is in group 0, which is how the kernel works and no promise. We see group 0 also for a
  // process whose group is outside of our pid namespace, so the flags decide.
  if (const Pid group = getpgid(pid); group > 0 || (group < 0 && errno == ESRCH)) return false;
  ProcessEntry entry;
  return read(pid, entry) == 0 && entry.isKernelThread();
}

std::optional<bool> isThread(Pid pid) noexcept {
  const auto leader = statusField<Pid>(pid, "\nTgid:\t");
  return leader ? std::optional(*leader != pid) : std::nullopt;
}

bool showsAll() noexcept {
  struct stat status{};
  return isOurs() && stat("/proc/1/stat", &status) == 0;
}

std::string line(Pid pid, const char* file) {
  if (!isOurs()) return {};
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/%s", pid, file);
  std::string text;
  if (kernel_file::readAll(path.data(), text) != 0) return {};
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

Numbers::Numbers(const char* path, off_t position) noexcept
    : directory_(isOurs() ? kernel_file::open(path, O_DIRECTORY) : FileDescriptor()), position_(position) {
  if (!directory_.isOpen() && !isOurs())
    error_ = ENOENT;
  else if (!directory_.isOpen() || (position > 0 && lseek(directory_.get(), position, SEEK_SET) < 0))
    error_ = errno;
}

std::array<char, 32> Threads::pathOf(Pid pid) noexcept {
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/task", pid);
  return path;
}

/// False at the end, and after an error.
bool Numbers::refill() noexcept {
  if (error_ != 0) return false;
  const auto length = syscall(SYS_getdents64, directory_.get(), entries_.data(), entries_.size());
  if (length < 0) error_ = errno;
  next_ = 0;
  end_ = length > 0 ? static_cast<std::size_t>(length) : 0;
  return end_ > 0;
}

bool Numbers::next(Pid& number) noexcept {
  // struct linux_dirent64
  constexpr std::size_t kNextPosition = 8;
  constexpr std::size_t kLength = 16;
  constexpr std::size_t kName = 19;
  while (next_ < end_ || refill()) {
    const char* const entry = &entries_.at(next_);
    std::uint16_t length = 0;
    std::memcpy(&length, entry + kLength, sizeof length);
    next_ += length;
    std::int64_t nextPosition = 0;
    std::memcpy(&nextPosition, entry + kNextPosition, sizeof nextPosition);
    const off_t position = std::exchange(position_, nextPosition);
    if (const auto parsed = kernel_file::parse<Pid>(entry + kName); parsed) {
      number = *parsed;
      return true;
    }
    lastOther_ = position;
  }
  return false;
}

}  // namespace freeze_state::procfs

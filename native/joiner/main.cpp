// The joiner stands between a child and its program: started in the place of the program, it moves itself into a
// control group, and executes the program, which is in the group from its first instruction on. So it is the moved
// process that waits for the kernel, some ten milliseconds, and not the thread that started it. docs/sandbox.md says
// more.
//
// Its orders are in argv[0], so that the other arguments are the program's already:
//
//   freeze-state-joiner PROCS REPORTS NUMBER LENGTH PROGRAM ARGV0
//
// PROCS is a descriptor of the file cgroup.procs, open for writing. REPORTS is the end to write to of a pipe that all
// joiners of the parent's thread share, and NUMBER is what they are told apart by. LENGTH counts the bytes of PROGRAM,
// a path or the name of one in PATH, which may have spaces. ARGV0, the rest, is what the program gets as its argv[0].
// If LENGTH is 0, the rest is both.
//
// It reports in lines, each by one write, so that lines of several joiners do not mix (PIPE_BUF in pipe(7)):
//
// - `in NUMBER`: it has joined, or has the answer that it waited for.
// - `join NUMBER ERRNO`: it could not. Then it waits for SIGCONT of the parent, after which it executes the program in
//   whatever group it is; or until the parent has closed the pipe or has died, and then it exits. If SIGCONT comes from
//   another process, which may have hidden the parent's, it writes the line again.
// - `exec NUMBER ERRNO`: it could not execute the program. Then it exits.
//
// The pipe is closed where the program begins. The joiner changes nothing else that a process inherits.
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>

namespace {

/// The exit code of a shell that cannot execute a program.
constexpr int kNotExecuted = 127;
/// The exit code where this was not started by the library.
constexpr int kNoOrder = 126;

struct Order {
  int procs = -1;
  int reports = -1;
  /// At most 2^53; `unsigned long` has 32 bits on some processors.
  unsigned long long number = 0;
  char* program = nullptr;
  char* argv0 = nullptr;
};

/// Takes a number and the space behind it off the text.
template <typename Number>
bool take(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data() + text.size() || *end != ' ') return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

/// Reads argv[0], and terminates the program's path in it.
bool read(char* words, Order& order) {
  constexpr std::string_view kName = "freeze-state-joiner ";
  std::string_view text(words);
  if (!text.starts_with(kName)) return false;
  text.remove_prefix(kName.size());
  std::size_t length = 0;
  if (!take(text, order.procs) || !take(text, order.reports) || !take(text, order.number) || !take(text, length))
    return false;
  order.program = order.argv0 = words + (text.data() - words);
  if (length == 0) return !text.empty();
  if (length >= text.size() || text[length] != ' ') return false;
  order.program[length] = '\0';
  order.argv0 = order.program + length + 1;
  return true;
}

/// Moves this process into the group, and closes the descriptor. Returns 0, or the errno(3).
int join(int procs) {
  int error = 0;
  while (write(procs, "0", 1) < 0) {
    error = errno;
    if (error != EINTR) break;
    error = 0;
  }
  close(procs);
  return error;
}

/// Has a signal handled otherwise for as long as this lives.
class Disposition {
 public:
  Disposition(int signal, const struct sigaction& action) noexcept : signal_(signal) {
    sigaction(signal_, &action, &before_);
  }
  Disposition(const Disposition&) = delete;
  Disposition& operator=(const Disposition&) = delete;
  ~Disposition() { sigaction(signal_, &before_, nullptr); }

 private:
  int signal_;
  struct sigaction before_{};
};

/// Writes a line, in one piece. Ignores a failure: where nobody reads any more (EPIPE), there is nobody to tell.
void report(const Order& order, std::string_view what, int error = 0) {
  std::array<char, 64> line{};
  char* end = line.data() + what.copy(line.data(), what.size());
  char* const limit = line.data() + line.size() - 1;
  end = std::to_chars(end, limit, order.number).ptr;
  if (error != 0) {
    *end++ = ' ';
    end = std::to_chars(end, limit, error).ptr;
  }
  *end++ = '\n';
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  const Disposition ignored(SIGPIPE, ignore);
  while (write(order.reports, line.data(), static_cast<std::size_t>(end - line.data())) < 0 && errno == EINTR) {
  }
}

/// The process that started this one; 0 if it is in another pid namespace.
pid_t firstParent = 0;
volatile sig_atomic_t isAnswered = 0;

/// Accepts SIGCONT of the parent alone, and not of the one that this process gets when that has died: a service manager
/// sends it to end a service. Of a sender in another pid namespace the pid is 0, too.
void noteAnswer(int /*signal*/, siginfo_t* from, void* /*context*/) {
  if (from->si_code == SI_USER && from->si_pid == firstParent && getppid() == firstParent) isAnswered = 1;
}

/// Reports that it could not join, and waits for the parent's SIGCONT, which stays blocked until the wait, so that none
/// is missed. Two that are pending at once become one, of which only the first sender is known: so it reports again
/// after each one of another process. False where the parent has died, or its thread: nobody has the end to read from
/// then, except a child that the parent has forked without executing a program. So it also checks now and then whether
/// the parent is still the same.
bool hasAnswer(const Order& order, int error) {
  sigset_t answer;
  sigset_t before;
  sigemptyset(&answer);
  sigaddset(&answer, SIGCONT);
  sigprocmask(SIG_BLOCK, &answer, &before);
  {
    struct sigaction note{};
    note.sa_sigaction = noteAnswer;
    note.sa_flags = SA_SIGINFO;
    const Disposition noted(SIGCONT, note);
    sigset_t waiting = before;
    sigdelset(&waiting, SIGCONT);
    pollfd reader{.fd = order.reports, .events = 0, .revents = 0};
    int found = 0;
    do {
      report(order, "join ", error);
      do {
        const timespec second{.tv_sec = 1, .tv_nsec = 0};
        found = ppoll(&reader, 1, &second, &waiting);
      } while (found == 0 && getppid() == firstParent);
    } while (isAnswered == 0 && found < 0 && errno == EINTR);
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
  return isAnswered != 0;
}

/// Executes a file by the shell: a script whose first line names no interpreter. Returns where that fails.
void executeByShell(char* file, int argc, char** argv) {
  // No `new`: the C++ library is not linked everywhere.
  // NOLINTBEGIN(cppcoreguidelines-no-malloc)
  auto** const words = static_cast<char**>(std::calloc(static_cast<std::size_t>(argc) + 2, sizeof(char*)));
  if (words == nullptr) return;
  std::array shell = std::to_array("/bin/sh");
  words[0] = shell.data();
  words[1] = file;
  for (int index = 1; index < argc; ++index) words[index + 1] = argv[index];
  execv(shell.data(), words);
  std::free(static_cast<void*>(words));
  // NOLINTEND(cppcoreguidelines-no-malloc)
}

/// What glibc's execvp(3) does with a script whose first line names no interpreter, and musl's, which may be inside of
/// this program, does not. For Node with glibc executes it. Where nothing comes of it, errno is that of the last
/// attempt.
void executeScript(char* program, int argc, char** argv) {
  if (std::strchr(program, '/') != nullptr) {
    executeByShell(program, argc, argv);
    return;
  }
  const char* const folders = std::getenv("PATH");
  std::string_view rest(folders == nullptr ? "/bin:/usr/bin" : folders);
  const std::string_view name(program);
  for (bool isLast = false; !isLast;) {
    const std::size_t end = rest.find(':');
    isLast = end == std::string_view::npos;
    const std::string_view folder = rest.substr(0, end);
    rest.remove_prefix(isLast ? rest.size() : end + 1);
    std::array<char, PATH_MAX> file{};
    if (folder.size() + name.size() + 2 > file.size()) continue;
    std::size_t at = folder.copy(file.data(), folder.size());
    // An empty one is the working directory.
    if (at > 0) file[at++] = '/';
    name.copy(file.data() + at, name.size());
    // The search has found nothing that can be executed before it.
    execv(file.data(), argv);
    if (errno != ENOEXEC) continue;
    executeByShell(file.data(), argc, argv);
    return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  firstParent = getppid();
  Order order;
  if (argc < 1 || !read(argv[0], order)) {
    constexpr std::string_view kWhy = "This program is started by freeze-state, for itself.\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kWhy.data(), kWhy.size());
    return kNoOrder;
  }
  // Keeps an earlier child that runs as the same user from taking the descriptor out of this one (pidfd_getfd(2)). The
  // program is not kept so: execve(2) makes it dumpable again.
  prctl(PR_SET_DUMPABLE, 0);
  argv[0] = order.argv0;
  fcntl(order.reports, F_SETFD, FD_CLOEXEC);
  if (const int error = join(order.procs); error != 0 && !hasAnswer(order, error)) return kNotExecuted;
  report(order, "in ");
  // Searches for the program as Node does: as the child's user, and by the child's PATH.
  execvp(order.program, argv);
  if (errno == ENOEXEC) executeScript(order.program, argc, argv);
  report(order, "exec ", errno);
  return kNotExecuted;
}

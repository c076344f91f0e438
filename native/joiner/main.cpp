// The joiner stands between a child and its program: started in the place of the program, it moves itself into a
// control group, and executes the program, which is in the group from its first instruction on. So it is the moved
// process that waits for the kernel, some ten milliseconds, and not the thread that started it. docs/sandbox.md says
// more.
//
// Its orders are in argv[0], so that the other arguments are the program's already:
//
//   freeze-state-joiner PROCS STATUS LENGTH PROGRAM ARGV0
//
// PROCS is a descriptor of the file cgroup.procs, open for writing; STATUS a socket. LENGTH counts the bytes of
// PROGRAM, a path or the name of one in PATH, which may have spaces. ARGV0, the rest, is what the program gets as its
// argv[0]. By the socket it says what failed, in a line:
//
// - `join ERRNO`: then it waits for a byte, after which it executes the program in whatever group it is.
// - `exec ERRNO`: then it exits.
//
// The socket ends where the program begins. The joiner changes nothing else that a process inherits.
#include <fcntl.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

/// The exit code of a shell that cannot execute a program.
constexpr int kNotExecuted = 127;
/// The exit code where this was not started by the library.
constexpr int kNoOrder = 126;

struct Order {
  int procs = -1;
  int status = -1;
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
  if (!take(text, order.procs) || !take(text, order.status) || !take(text, length)) return false;
  if (length >= text.size() || text[length] != ' ') return false;
  char* const program = words + (text.data() - words);
  program[length] = '\0';
  order.program = program;
  order.argv0 = program + length + 1;
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

/// Sends a line. Ignores a failure: where nobody listens any more, there is nobody to tell.
void tell(int status, std::string_view what, int error) {
  std::array<char, 32> line{};
  what.copy(line.data(), what.size());
  char* end = std::to_chars(line.data() + what.size(), line.data() + line.size() - 1, error).ptr;
  *end++ = '\n';
  const auto length = static_cast<std::size_t>(end - line.data());
  while (send(status, line.data(), length, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

/// Waits for the parent's byte. False where the parent has died.
bool hasAnswer(int status) {
  char answer = 0;
  ssize_t size = 0;
  while ((size = recv(status, &answer, 1, 0)) < 0 && errno == EINTR) {
  }
  return size == 1;
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
  fcntl(order.status, F_SETFD, FD_CLOEXEC);
  if (const int error = join(order.procs); error != 0) {
    tell(order.status, "join ", error);
    if (!hasAnswer(order.status)) return kNotExecuted;
  }
  // Searches for the program as Node does: as the child's user, and by the child's PATH.
  execvp(order.program, argv);
  if (errno == ENOEXEC) executeScript(order.program, argc, argv);
  tell(order.status, "exec ", errno);
  return kNotExecuted;
}

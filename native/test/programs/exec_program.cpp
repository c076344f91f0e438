// exec_program
//
// Replaces itself by the same program again and again, each time by its second thread. Once its input has the number of
// a thread, it has a thread with that number instead, which has a child; in a pid namespace where nothing else is
// started meanwhile.
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

#include "../support/pid_namespace.h"

namespace freeze_state::test {

namespace {

[[noreturn]] void pauseForEver() {
  for (;;) pause();
}

void execute() {
  std::array<char, 16> name{"exec_program"};
  std::array<char*, 2> arguments{name.data(), nullptr};
  execv("/proc/self/exe", arguments.data());
  _exit(1);
}

/// Not for longer than whoever has started it. A thread does not inherit that.
void dieWithParent() { prctl(PR_SET_PDEATHSIG, SIGKILL); }

void haveChild(Pid number) {
  if (gettid() == number && fork() == 0) dieWithParent();
  pauseForEver();
}

}  // namespace

}  // namespace freeze_state::test

int main() {
  using namespace freeze_state::test;
  dieWithParent();
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  freeze_state::Pid number = 0;
  if (poll(&input, 1, 0) != 1) {
    std::thread(execute).detach();
  } else if (read(STDIN_FILENO, &number, sizeof number) == sizeof number && makeNext(number)) {
    std::thread(haveChild, number).detach();
  } else {
    return 1;
  }
  pauseForEver();
}

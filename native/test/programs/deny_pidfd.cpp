// deny_pidfd ENOSYS|EPERM program [argument...]
//
// Runs a program without pidfds: as an older kernel would (ENOSYS), or as a container's seccomp filter does (EPERM).
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>

#include "../support/deny.h"

int main(int argc, char** argv) {
  using namespace freeze_state::test;
  const std::string_view name = argc > 2 ? argv[1] : "";
  if (name != "ENOSYS" && name != "EPERM") {
    std::fputs("usage: deny_pidfd ENOSYS|EPERM program [argument...]\n", stderr);
    return 2;
  }
  const unsigned error = name == "ENOSYS" ? ENOSYS : EPERM;
  if (!deny(kPidfdOpen, error) || !deny(kPidfdSendSignal, error)) {
    std::perror("seccomp");
    return 2;
  }
  execvp(argv[2], argv + 2);
  std::perror(argv[2]);
  return 127;
}

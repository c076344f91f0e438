// deny_pidfd ENOSYS|EPERM|inodes program [argument...]
//
// Runs a program without pidfds: as a kernel before Linux 5.3 would (ENOSYS), or as a container's seccomp filter does
// (EPERM). Or where the inode of a pidfd does not name its process (`inodes`), as before Linux 6.9.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>

#include "../support/deny.h"

int main(int argc, char** argv) {
  using namespace freeze_state::test;
  const std::string_view name = argc > 2 ? argv[1] : "";
  bool isDenied = false;
  if (name == "inodes") {
    isDenied = deny(SYS_fstatfs, ENOSYS);
  } else if (name == "ENOSYS" || name == "EPERM") {
    const unsigned error = name == "ENOSYS" ? ENOSYS : EPERM;
    isDenied = deny(kPidfdOpen, error) && deny(kPidfdSendSignal, error);
  } else {
    std::fputs("usage: deny_pidfd ENOSYS|EPERM|inodes program [argument...]\n", stderr);
    return 2;
  }
  if (!isDenied) {
    std::perror("seccomp");
    return 2;
  }
  execvp(argv[2], argv + 2);
  std::perror(argv[2]);
  return 127;
}

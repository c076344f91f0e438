// deny_pidfd ENOSYS|EPERM program [argument...]
//
// Runs a program without pidfds: as an older kernel would (ENOSYS), or as a container's seccomp filter does (EPERM).
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <string_view>

namespace {

// The same on every architecture, and unknown to older C libraries.
constexpr unsigned kPidfdSendSignal = 424;
constexpr unsigned kPidfdOpen = 434;

bool deny(unsigned error) {
  std::array filter{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kPidfdOpen, 1, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kPidfdSendSignal, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view error = argc > 2 ? argv[1] : "";
  if (error != "ENOSYS" && error != "EPERM") {
    std::fputs("usage: deny_pidfd ENOSYS|EPERM program [argument...]\n", stderr);
    return 2;
  }
  if (!deny(error == "ENOSYS" ? ENOSYS : EPERM)) {
    std::perror("seccomp");
    return 2;
  }
  execvp(argv[2], argv + 2);
  std::perror(argv[2]);
  return 127;
}

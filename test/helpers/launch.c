// Runs a program with less than it would have: launch [word...] -- program [argument...]
//
//   user=<uid>             as this user and its group of the same number, with no capabilities (needs root)
//   open-files=<n>         with RLIMIT_NOFILE n
//   no-pidfd               pidfd_open and pidfd_send_signal answer ENOSYS, as an old kernel or a seccomp filter does
//   no-pidfd-flags         pidfd_send_signal answers EINVAL for any flag, as kernels older than 6.9 do
//   refuse=<signal>:<errno>  pidfd_send_signal answers errno for this signal
//   none                   as it is
//
// The program is killed when the one that launched it dies.

#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { kPidfdSendSignal = 424, kPidfdOpen = 434 };

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (count))
#define ANSWER(errno_) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (errno_))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int filter(struct sock_filter* code, unsigned short length) {
  struct sock_fprog program = {length, code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int refusePidfds(void) {
  struct sock_filter code[] = {
      LOAD(nr), SKIP_UNLESS(kPidfdOpen, 1), ANSWER(ENOSYS), SKIP_UNLESS(kPidfdSendSignal, 1), ANSWER(ENOSYS), ALLOW,
  };
  return filter(code, sizeof code / sizeof *code);
}

static int refuseFlags(void) {
  struct sock_filter code[] = {
      LOAD(nr), SKIP_UNLESS(kPidfdSendSignal, 3), LOAD(args[3]), SKIP_UNLESS(0, 1), ALLOW, ANSWER(EINVAL), ALLOW,
  };
  // Where it is another call, the jump is to the end.
  code[1].jf = 4;
  return filter(code, sizeof code / sizeof *code);
}

static int refuseSignal(unsigned signal, unsigned error) {
  struct sock_filter code[] = {
      LOAD(nr), SKIP_UNLESS(kPidfdSendSignal, 3), LOAD(args[1]), SKIP_UNLESS(signal, 1), ANSWER(error), ALLOW,
  };
  return filter(code, sizeof code / sizeof *code);
}

static int apply(const char* word) {
  unsigned a = 0;
  unsigned b = 0;
  if (sscanf(word, "user=%u", &a) == 1) return setgroups(0, NULL) || setresgid(a, a, a) || setresuid(a, a, a);
  if (sscanf(word, "open-files=%u", &a) == 1) return setrlimit(RLIMIT_NOFILE, &(struct rlimit){a, a});
  if (sscanf(word, "refuse=%u:%u", &a, &b) == 2) return refuseSignal(a, b);
  if (strcmp(word, "no-pidfd") == 0) return refusePidfds();
  if (strcmp(word, "no-pidfd-flags") == 0) return refuseFlags();
  return strcmp(word, "none");
}

int main(int argc, char** argv) {
  int at = 1;
  for (; at < argc && strcmp(argv[at], "--") != 0; ++at) {
    if (apply(argv[at]) != 0) {
      perror(argv[at]);
      return 126;
    }
  }
  if (at + 1 >= argc) return 126;
  // Last: a change of user clears it.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  execvp(argv[at + 1], argv + at + 1);
  perror(argv[at + 1]);
  return 127;
}

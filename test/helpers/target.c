// A process to freeze. It ends when its standard input does, and when its parent dies, stopped or not.
//
//   target sleep [code]   sleeps; exits with the code
//   target spin           keeps a processor busy
//   target zombie         has a child that has exited and is not reaped; prints the child's pid
//   target thread         has a second thread; prints its thread id

#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void sleepUntilInputEnds(void) {
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

static void* exitWhenInputEnds(void* unused) {
  sleepUntilInputEnds();
  exit(0);
  return unused;
}

static void* sayThreadId(void* unused) {
  printf("%ld\n", (long)syscall(SYS_gettid));
  fflush(stdout);
  pause();
  return unused;
}

int main(int argc, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const char* what = argc > 1 ? argv[1] : "sleep";
  if (strcmp(what, "zombie") == 0) {
    const pid_t child = fork();
    if (child == 0) {
      // The leader of its group, as members of some modes have to be.
      setpgid(0, 0);
      _exit(0);
    }
    siginfo_t exited;
    waitid(P_PID, (id_t)child, &exited, WEXITED | WNOWAIT);
    printf("%d\n", child);
    fflush(stdout);
    sleepUntilInputEnds();
    waitpid(child, NULL, 0);
    return 0;
  }
  pthread_t thread;
  if (strcmp(what, "spin") == 0) {
    pthread_create(&thread, NULL, exitWhenInputEnds, NULL);
    for (volatile unsigned long turns = 0;; ++turns) {
    }
  }
  if (strcmp(what, "thread") == 0) pthread_create(&thread, NULL, sayThreadId, NULL);
  sleepUntilInputEnds();
  return argc > 2 ? atoi(argv[2]) : 0;
}

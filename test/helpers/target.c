// A process to freeze. It ends when its standard input does, and when its parent dies, stopped or not.
//
//   target sleep [code]   sleeps; exits with the code
//   target spin           keeps a processor busy
//   target zombie         has a child that has exited and is not reaped; prints the child's pid
//   target thread         has a second thread; prints its thread id
//   target headless [child]   has a second thread, which lives on when the first ends, at SIGUSR1, and prints its pid; or it
//                         has a child like that
//   target tree <width> <depth>   has so many children, each of which has so many, and so on; each prints its pid
//   target exec           has threads, of which now one, now another replaces the program by the same again
//   target threadchild    has a second thread, which has a child; prints the child's pid
//   target mixed <uid>    has a child and then becomes that user's, without it (needs root); prints the child's pid
//   target mates <count>  leads a group of so many others, which do not end with it; each prints its pid
//   target storm <chains> has children that fork and exit as fast as they can, each of them in its turn, while there are
//                         less than 300, zombies included
//   target vfork          is in vfork(2) until its input ends; prints the child's pid
//   target trace [leader] has a child that it traces as strace(1) does, which may lead a group of its own; prints the
//                         child's pid

#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
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

static void printPid(pid_t pid) {
  // One write, so that those of several processes do not mix.
  char line[32];
  const int length = snprintf(line, sizeof line, "%d\n", pid);
  if (write(STDOUT_FILENO, line, (size_t)length) != length) _exit(1);
}

/// Returns in the child only with 0. The child ends with its parent, stopped or not.
static pid_t forkBound(void) {
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  // It may have ended before that.
  if (child == 0 && getppid() != parent) _exit(1);
  return child;
}

static void beHeadless(void) {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &ending, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, exitWhenInputEnds, NULL);
  printPid(getpid());
  int signal;
  sigwait(&ending, &signal);
  pthread_exit(NULL);
}

static void beTree(int width, int depth) {
  printPid(getpid());
  for (int i = 0; depth > 0 && i < width; ++i) {
    if (forkBound() != 0) continue;
    beTree(width, depth - 1);
    for (;;) pause();
  }
}

static void* sleepForEver(void* unused) {
  for (;;) pause();
  return unused;
}

static void* execSoon(void* program) {
  usleep((useconds_t)(rand() % 300));
  execv("/proc/self/exe", program);
  return program;
}

static void execAgainAndAgain(char** program) {
  pthread_t thread;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  srand((unsigned)now.tv_nsec);
  pthread_create(&thread, NULL, exitWhenInputEnds, NULL);
  for (int i = 0; i < 3; ++i) pthread_create(&thread, NULL, sleepForEver, NULL);
  pthread_create(&thread, NULL, execSoon, program);
  for (;;) pause();
}

static void* forkAndWait(void* unused) {
  const pid_t child = forkBound();
  if (child == 0) {
    for (;;) pause();
  }
  printPid(child);
  pause();
  return unused;
}

/// How many the storm has that are not reaped, shared by all of it.
static atomic_int* unreaped;

/// Has a child and leaves all else to it. The root adopts each orphan; whoever has another parent than the one that forked
/// it or the root has lost the root.
static void beChain(pid_t root) {
  for (;;) {
    const pid_t parent = getpid();
    atomic_fetch_add(unreaped, 1);
    pid_t child;
    while ((child = fork()) < 0) sched_yield();
    if (child > 0) _exit(0);
    // Only the child goes on.
    do {
      const pid_t now = getppid();
      if (now != parent && now != root) _exit(0);
    } while (atomic_load(unreaped) >= 300 && sched_yield() == 0);
  }
}

static void beStorm(int chains) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  unreaped = mmap(NULL, sizeof *unreaped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const pid_t root = getpid();
  pthread_t thread;
  for (int i = 0; i < chains; ++i) {
    atomic_fetch_add(unreaped, 1);
    if (fork() == 0) beChain(root);
  }
  pthread_create(&thread, NULL, exitWhenInputEnds, NULL);
  while (waitpid(-1, NULL, 0) > 0) atomic_fetch_sub(unreaped, 1);
}

/// Passes every signal on, and leaves a stop a stop, until its input ends.
static void trace(int isLeader) {
  const pid_t child = forkBound();
  if (child == 0) {
    for (;;) pause();
  }
  if (isLeader) setpgid(child, child);
  pthread_t thread;
  pthread_create(&thread, NULL, exitWhenInputEnds, NULL);
  ptrace(PTRACE_SEIZE, child, NULL, NULL);
  printPid(child);
  int status;
  while (waitpid(child, &status, __WALL) == child && WIFSTOPPED(status)) {
    const int signal = WSTOPSIG(status);
    const int isGroupStop = status >> 16 == PTRACE_EVENT_STOP;
    if (isGroupStop && signal == SIGSTOP) ptrace(PTRACE_LISTEN, child, NULL, NULL);
    else ptrace(PTRACE_CONT, child, NULL, isGroupStop ? 0 : signal);
  }
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
  const int count = argc > 2 ? atoi(argv[2]) : 0;
  pthread_t thread;
  if (strcmp(what, "tree") == 0) beTree(count, argc > 3 ? atoi(argv[3]) : 1);
  if (strcmp(what, "headless") == 0 && (argc == 2 || forkBound() == 0)) beHeadless();
  if (strcmp(what, "threadchild") == 0) pthread_create(&thread, NULL, forkAndWait, NULL);
  if (strcmp(what, "storm") == 0) beStorm(count);
  if (strcmp(what, "exec") == 0) execAgainAndAgain(argv);
  if (strcmp(what, "trace") == 0) trace(argc > 2 && strcmp(argv[2], "leader") == 0);
  if (strcmp(what, "mixed") == 0) {
    const pid_t child = forkBound();
    if (child == 0) {
      for (;;) pause();
    }
    if (setresuid((uid_t)count, (uid_t)count, (uid_t)count) != 0) return 1;
    printPid(child);
  }
  if (strcmp(what, "mates") == 0) {
    printPid(getpid());
    for (int i = 0; i < count; ++i) {
      if (fork() != 0) continue;
      printPid(getpid());
      // Whoever kills the group kills them, and this does where nobody does.
      alarm(60);
      for (;;) pause();
    }
  }
  if (strcmp(what, "vfork") == 0) {
    const pid_t child = vfork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      printPid(getpid());
      sleepUntilInputEnds();
      _exit(0);
    }
  }
  if (strcmp(what, "spin") == 0) {
    pthread_create(&thread, NULL, exitWhenInputEnds, NULL);
    for (volatile unsigned long turns = 0;; ++turns) {
    }
  }
  if (strcmp(what, "thread") == 0) pthread_create(&thread, NULL, sayThreadId, NULL);
  sleepUntilInputEnds();
  return strcmp(what, "sleep") == 0 ? count : 0;
}

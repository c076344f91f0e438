import type { CgroupReason } from './cgroup-error';

/**
 * What a freeze covers. The values are plain strings: `'process'` is the same as `FreezeMode.Process`.
 *
 * `None` and `Process` are the crate's. docs/modes.md says what each mode covers, needs, costs and misses.
 *
 * @enum
 */
export const FreezeMode = Object.freeze({
  /** Nothing. Epochs count, no process is ever signalled; for tests and for platforms without signals. */
  None: 'none',
  /** The registered processes, by SIGSTOP and SIGCONT. */
  Process: 'process',
  /** The process groups that the registered processes lead, by one signal each. */
  ProcessGroup: 'process-group',
  /** The registered processes and all their descendants, as they are when the freeze comes. */
  ProcessTree: 'process-tree',
  /** A control group of version 2, which the registered processes are moved into; what they start is in it as well. */
  Cgroup: 'cgroup',
} as const);

/** One of the values of {@link FreezeMode}. */
export type FreezeMode = (typeof FreezeMode)[keyof typeof FreezeMode];

/** Options of a {@link FreezeState}. None of them changes what a freeze means. */
export interface FreezeOptions {
  /**
   * Run a loop of signals over sixteen members or more in a real-time scheduling class (`SCHED_FIFO`, sched(7)), for the
   * length of that loop, so that the processes it wakes do not preempt it. In mode `process-group` the processes of the groups
   * count, and groups that no confirmation has counted yet are taken for large. A confirmation signals a few at a time, and
   * does not use the class. Without the right to do so (CAP_SYS_NICE or an rtprio limit) the loop runs as it is. Default
   * `true`.
   */
  readonly boost?: boolean;
  /**
   * Have a tiny helper process, the guardian, continue what this state has stopped if this process dies, in whatever way.
   * There is one guardian for each process, on Linux, which starts with the first state. {@link FreezeCapabilities.guardian}
   * says whether it runs; if it cannot, the state works without it. docs/guardian.md says what it covers. Default `true`.
   */
  readonly guardian?: boolean;
  /**
   * What the guardian does when this process dies, in whatever way. `thaw`: it continues what this state has stopped.
   * `kill`: it kills the members and their descendants, and in mode `cgroup` all that is in the group, stopped or not.
   * `close` ends that, and `unregisterPid` does for one member. If there is no guardian, a process warning says so.
   * Default `thaw`.
   */
  readonly onParentDeath?: 'thaw' | 'kill';
  /**
   * With `onParentDeath: 'kill'`: the guardian also kills each process whose environment has this tag in the variable
   * FREEZE_STATE_SANDBOX, alone or among others, separated by spaces. So it finds processes whose parents have exited. 1 to
   * 55 characters of `A-Z a-z 0-9 _ . -`. Default: none.
   */
  readonly mark?: string;
  /**
   * Which control group mode `cgroup` freezes; only for that mode. Default: one that is made under the group of this process,
   * and removed by `close`.
   */
  readonly cgroup?: CgroupOptions;
}

/** All that a {@link FreezeState} can be made of, in one object. */
export interface FreezeInit extends FreezeOptions {
  /** What a freeze covers. Default `FreezeMode.None`. */
  readonly mode?: FreezeMode;
  /** Processes to register, in their order: all or none. Default: none. */
  readonly pids?: Iterable<number>;
}

/**
 * A control group of version 2, by its directory, or where to make one. Both need the right to write there: as root, or in
 * a part of the hierarchy that was delegated to this user (cgroups(7), "Cgroups delegation").
 */
export type CgroupOptions =
  | {
      /**
       * The absolute path of a group that exists. It stays when the state is closed. What is in it stays, too, except the
       * members that were moved in, and their descendants. An orphan, whose parent has exited, also stays: nothing tells it
       * from what foreign processes have put there. This process must not be in the group. The group must take processes:
       * no controllers in its cgroup.subtree_control.
       */
      readonly path: string;
      /** Not together with `path`. */
      readonly parent?: undefined;
    }
  | {
      /** The absolute path of a group; one is made under it, and removed when the state is closed. */
      readonly parent: string;
      /** Not together with `parent`. */
      readonly path?: undefined;
    };

/** The state at one moment. Both values come from one load of one word. */
export interface FreezeSnapshot {
  /** How many times the state was thawed: an integer from 0 to 2^53-1. */
  readonly epoch: number;
  /** Whether the state is frozen: a freeze at `epoch` has sent SIGSTOP to every live member. */
  readonly isFrozen: boolean;
}

/** Options of {@link FreezeState.waitForStateChange}. */
export interface WaitOptions {
  /**
   * What the caller has already seen. A state that differs from it ends the wait at once, so no change between the
   * check and the wait is missed. Default: the state at the time of the call.
   */
  readonly since?: FreezeSnapshot;
  /** Milliseconds, 0 to 2^31-1. When they have passed the promise rejects with a `FreezeTimeoutError`. Default: none. */
  readonly timeout?: number;
  /** Aborting it rejects the promise with `signal.reason`. */
  readonly signal?: AbortSignal;
  /** Whether the pending wait keeps the process alive, as in `node:timers/promises`. Default `true`. */
  readonly ref?: boolean;
}

/** Options of {@link FreezeState.waitForStateChangeSync}. */
export interface WaitSyncOptions extends Pick<WaitOptions, 'since'> {
  /**
   * Milliseconds from the call on, 0 to 2^31-1. When they have passed the call returns `undefined`. Default: none, which the
   * main thread may not use: there the call throws a `TypeError` without a timeout.
   */
  readonly timeout?: number;
  /**
   * Microseconds from the call on, 0 to 1,000,000, for which the thread polls the state before it sleeps. Default 0.
   *
   * A change that comes meanwhile ends the wait in a few microseconds, since no thread has to be woken. Polling keeps a
   * processor fully busy, which the members and the other threads then lack. Use it where the next change is known to be
   * near, and where there is a processor to spare for each thread that polls. If there is none, the change is seen later
   * than by a thread that sleeps.
   *
   * The thread sleeps at once where it may use only one processor, and the main thread only the same one: nothing else
   * could run while it polls.
   *
   * The wait may end before a thaw that ends it has continued the members.
   */
  readonly spin?: number;
}

/** Options of {@link FreezeState.waitForRelease}. */
export type ReleaseOptions = Pick<WaitOptions, 'timeout' | 'signal' | 'ref'>;

/** Options of {@link FreezeState.waitForExit}. */
export type ExitOptions = Pick<WaitOptions, 'timeout' | 'signal'>;

/** Options of {@link FreezeState.changes}. */
export type ChangesOptions = Pick<WaitOptions, 'signal' | 'ref'>;

/**
 * Names a state to the other threads of its process; made by {@link FreezeState.share}. A plain object that
 * `postMessage` and `workerData` carry. It keeps nothing alive.
 */
export interface FreezeHandle {
  /** Tells a handle from any other object. */
  readonly type: 'FreezeHandle';
  /** Tells the process, and the copy of this package in it, from every other. */
  readonly process: string;
  /** Tells the state from every other of its process. */
  readonly id: number;
}

/** Options of {@link FreezeState.confirmFreezeAtEpoch}. */
export interface ConfirmOptions {
  /** Milliseconds, 0 to 2^31-1, from the call on. When they have passed the freeze is rolled back. Default 1000. */
  readonly timeout?: number;
  /** Aborting it rolls the freeze back, if this call made it, and rejects with `signal.reason`. */
  readonly signal?: AbortSignal;
}

/**
 * What a confirmation says of a process. `stopped`: by the freeze. `gone`: it had exited or never existed, or exited during
 * the wait. `already-stopped`: a foreign process had stopped it before the freeze, and this call made the freeze.
 */
export type Outcome = 'stopped' | 'gone' | 'already-stopped';

/** A process that a confirmed freeze covers. */
export interface MemberOutcome {
  /** The id of the process. */
  readonly pid: number;
  /** What the confirmation says of it. */
  readonly outcome: Outcome;
}

/**
 * Why a confirmation did not freeze. `stale`: the epoch had passed before the call. `thawed`: a thaw by any thread came during
 * the wait. `held`: a thread has a hold. `mode-none`: the mode covers nothing.
 */
export type NotFrozenReason = 'stale' | 'thawed' | 'held' | 'mode-none';

/** A confirmation that froze: every process that is covered was seen stopped. */
export interface FrozenReport {
  /** Tells this report from a {@link NotFrozenReport}. */
  readonly isFrozen: true;
  /** The epoch that was asked for. */
  readonly epoch: number;
  /** The registered processes in their order, then what came with them. */
  readonly members: readonly MemberOutcome[];
  /** Nanoseconds from the call until every member had been signalled. */
  readonly signaledNs: number;
  /** Nanoseconds from the call until every member was seen stopped. */
  readonly stoppedNs: number;
  /** Only a {@link NotFrozenReport} has one. */
  readonly reason?: undefined;
}

/** A confirmation that did not freeze, and left nothing stopped. */
export interface NotFrozenReport {
  /** Tells this report from a {@link FrozenReport}. */
  readonly isFrozen: false;
  /** The epoch that was asked for. */
  readonly epoch: number;
  /** Why it did not freeze. */
  readonly reason: NotFrozenReason;
  /** Only a {@link FrozenReport} has them. */
  readonly members?: undefined;
  /** Only a {@link FrozenReport} has it. */
  readonly signaledNs?: undefined;
  /** Only a {@link FrozenReport} has it. */
  readonly stoppedNs?: undefined;
}

/** What {@link FreezeState.confirmFreezeAtEpoch} resolves with; `isFrozen` tells which. */
export type FreezeReport = FrozenReport | NotFrozenReport;

/** What a process that did not stop was doing, as /proc showed it. What /proc does not show is absent. */
export interface UnstoppedProcess {
  /** The id of the process. */
  readonly pid: number;
  /** The name of its program, cut to 15 bytes (proc_pid_comm(5)). */
  readonly name?: string;
  /** Its first thread's state, by the letter of proc_pid_stat(5): `R` runs, `S` sleeps, `D` cannot be interrupted. */
  readonly state?: string;
  /** The function of the kernel that it sleeps in (proc_pid_wchan(5)); for privileged users. */
  readonly waitChannel?: string;
  /** It waits in vfork(2) for a child that uses its memory. It stops when the child has called execve(2) or has exited. */
  readonly isInVfork?: true;
}

/**
 * What a process does, by proc_pid_stat(5): `sleeping` in a system call; `stopped` with all its threads, by a signal, by a
 * tracer or by the frozen control group it is in; `zombie` when it has exited and was not reaped. Where the system does not
 * tell, a process that lives is `running`.
 */
export type ProcessState = 'running' | 'sleeping' | 'stopped' | 'zombie' | 'gone';

/** A process that a freeze covers, as {@link FreezeState.inspect} shows it. */
export interface MemberStatus {
  /** The id of the process. */
  readonly pid: number;
  /** What it does now. */
  readonly state: ProcessState;
  /** `descendant`: it is covered because of a registered process: below it in the tree, or in the control group with it. */
  readonly role: 'registered' | 'descendant';
  /** Whether this state stopped it, and has not continued it since. */
  readonly stoppedByUs: boolean;
  /**
   * `true`: if this process is killed, the guardian should continue or end that one, and will not find it. Its ledger has no
   * room, or nothing tells the process from a later one with the same number. If this process exits by itself, it continues
   * what it has stopped all the same. Absent for any other process. {@link FreezeCapabilities.guardian} says whether there
   * is a guardian at all.
   */
  readonly isUnguarded?: true;
}

/** Options of {@link FreezeState.registerPid}. */
export interface RegisterOptions {
  /**
   * In mode `cgroup`: the process is a child of this one, and moves itself into {@link FreezeState.cgroup} before it runs any
   * code that matters. So it is not moved. Until it was seen inside, a freeze counts it as stopped, and a confirmation waits
   * for it. Call `registerPid(pid)` once it has joined, or could not: a process that is outside then is moved. In other
   * modes this changes nothing. `Sandbox` starts its children in this way.
   */
  readonly joins?: boolean;
}

/** How members are told apart and signalled. */
export type Signalling = 'pidfd' | 'start-time' | 'kill' | 'none';

/** Whether a mode can work here and, where not, why. */
export interface ModeCapability {
  /** Whether the mode can be used. */
  readonly available: boolean;
  /** Names the obstacle, and never changes. This and the rest are absent where the mode is available. */
  readonly code?: CgroupReason | 'unsupported-platform' | 'resource-exhausted';
  /** What the obstacle is, in a sentence. */
  readonly reason?: string;
  /** What to do about it, in a sentence or two. */
  readonly remedy?: string;
}

/** Whether a guardian continues what is frozen if this process dies and, if not, why. */
export interface GuardianCapability {
  /** Whether there is a guardian, or one will be started with the first state that has it. */
  readonly available: boolean;
  /** The pid of the guardian, if one runs: from the first guarded state on. */
  readonly pid?: number;
  /**
   * Some sentences that a person can act on. Absent unless there is no guardian, or this process has changed its user and the
   * guardian could not be replaced by one of the new user that thaws all.
   */
  readonly reason?: string;
}

/** What this kernel and this user can do. */
export interface FreezeCapabilities {
  /** For each mode, whether it can work here. */
  readonly modes: Readonly<Record<FreezeMode, ModeCapability>>;
  /**
   * - `pidfd`: pidfd_open(2), Linux 5.3. A signal can only reach the process that was registered.
   * - `start-time`: kill(2) after a check of the start time in /proc, if the kernel has no pidfds or a seccomp filter denies
   *   them; on macOS after a check of the number that the system gives to each process once.
   * - `kill`: plain kill(2); other POSIX systems, and Linux without pidfds and a /proc of our pid namespace.
   * - `none`: processes cannot be frozen here.
   */
  readonly signalling: Signalling;
  /** Whether {@link FreezeOptions.boost} has an effect: this thread may enter a real-time class. */
  readonly boost: boolean;
  /** {@link FreezeOptions.guardian}. It changes when the guardian is started or replaced. */
  readonly guardian: GuardianCapability;
}

/**
 * What a freeze covers.
 *
 * - `None`: nothing. Epochs count, no process is ever signalled; for tests and for platforms without signals.
 * - `Process`: the registered processes, by SIGSTOP and SIGCONT.
 *
 * From the crate's `FreezeMode`.
 */
export const FreezeMode = Object.freeze({
  None: 'none',
  Process: 'process',
} as const);

/** One of the values of {@link FreezeMode}. */
export type FreezeMode = (typeof FreezeMode)[keyof typeof FreezeMode];

/** Options of a {@link FreezeState}. None of them changes what a freeze means. */
export interface FreezeOptions {
  /**
   * Run a loop of signals over several members in a real-time scheduling class (`SCHED_FIFO`, sched(7)), for the length
   * of that loop, so that the processes it wakes do not preempt it. Without the right to do so (CAP_SYS_NICE or an
   * rtprio limit) the loop runs as it is. Default `true`.
   */
  readonly boost?: boolean;
  /**
   * Let SIGCHLD tell of stops and continues of child processes. By default `freeze-state` sets SA_NOCLDSTOP
   * (sigaction(2)) on this process's SIGCHLD before it signals: each notice would wake the event loop and make Node look
   * after every child it has. Exits are always told. The flag belongs to the process and stays: set this option on every
   * state, and only for a `process.on('SIGCHLD')` listener that wants the notices. Default `false`.
   */
  readonly childStopNotices?: boolean;
}

/** The state at one moment. Both values come from one load of one word. */
export interface FreezeSnapshot {
  /** How many times the state was thawed: an integer from 0 to 2^53-1. */
  readonly epoch: number;
  /** Whether every live member is stopped by a freeze at `epoch`. */
  readonly isFrozen: boolean;
}

/** Options of {@link FreezeState.waitForStateChange}. */
export interface WaitOptions {
  /**
   * What the caller has already seen. A state that differs from it ends the wait at once, so no change between the look
   * and the wait is missed. Default: the state at the time of the call.
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
export type WaitSyncOptions = Pick<WaitOptions, 'since' | 'timeout'>;

/** Options of {@link FreezeState.changes}. */
export type ChangesOptions = Pick<WaitOptions, 'signal' | 'ref'>;

/**
 * Names a state to the other threads of its process; made by {@link FreezeState.share}. A plain object that
 * `postMessage` and `workerData` carry. It keeps nothing alive.
 */
export interface FreezeHandle {
  readonly type: 'FreezeHandle';
  /** Tells the process, and the copy of this package in it, from every other. */
  readonly process: string;
  readonly id: number;
}

/** How members are told apart and signalled. */
export type Signalling = 'pidfd' | 'start-time' | 'kill' | 'none';

/** Whether a mode can work here and, where not, why. */
export interface ModeCapability {
  readonly available: boolean;
  /** A sentence a person can act on; only where the mode is not available. */
  readonly reason?: string;
}

/** What this kernel and this user can do. */
export interface FreezeCapabilities {
  readonly modes: Readonly<Record<FreezeMode, ModeCapability>>;
  /**
   * - `pidfd`: pidfd_open(2), Linux 5.3. A signal can only reach the process that was registered.
   * - `start-time`: kill(2) after a look at the start time in /proc; where the kernel or a seccomp filter has no pidfds.
   * - `kill`: plain kill(2); macOS and other POSIX systems, and Linux without /proc.
   * - `none`: processes cannot be frozen here.
   */
  readonly signalling: Signalling;
  /** Whether {@link FreezeOptions.boost} has an effect: this thread may enter a real-time class. */
  readonly boost: boolean;
}

import type { ChildProcess } from 'node:child_process';
import type { AnyFreezeError, FreezeMode, FreezeOptions, FrozenReport, NotFrozenReason } from '../api';

/** Options of a `Sandbox`. */
export interface SandboxOptions {
  /** What a freeze covers. Default `process-tree`. */
  readonly mode?: FreezeMode;
  /** Options of the {@link Sandbox.state}, such as the control group. */
  readonly state?: Omit<FreezeOptions, 'onParentDeath' | 'mark'>;
  /**
   * Milliseconds, 0 to 2^31-1, from the release of the last hold to the freeze. `0`: in the next turn of the event loop,
   * never inside `release()`. `false`: only when {@link Sandbox.freeze} is called. Default 0.
   */
  readonly freezeAfter?: number | false;
  /**
   * Whether a freeze of the idle sandbox waits until every process was seen stopped, and is rolled back if that takes longer than
   * `timeout` milliseconds (by default 1000). `false`: it is done when all have been signalled. Default `true`.
   */
  readonly confirm?: boolean | { readonly timeout?: number };
  /**
   * What becomes of the sandbox when this process ends without {@link Sandbox.terminate}, in whatever way. `thaw`: what is
   * frozen runs on. `kill`: every process of the sandbox is killed, frozen or not: by this process if it exits, and by
   * the guardian if it is killed or crashes. Default `thaw`.
   */
  readonly onParentDeath?: 'thaw' | 'kill';
}

/** The events of a `Sandbox`. Each is emitted in a later tick. */
export interface SandboxEvents {
  /** The sandbox was frozen, because it was idle or by {@link Sandbox.freeze}. */
  freeze: [report: FrozenReport];
  /** Thawed, after a `freeze`: `epoch` is the new one, and the freeze had lasted `frozenMs` milliseconds. */
  thaw: [
    thaw: {
      /** The new epoch. */
      readonly epoch: number;
      /** Milliseconds for which it was frozen. */
      readonly frozenMs: number;
    },
  ];
  /** A freeze of the idle sandbox did not happen, since work came first, from whatever thread. */
  cancel: [
    cancelled: {
      /** The epoch at which it was to be frozen. */
      readonly epoch: number;
      /** Why it was not. */
      readonly reason: NotFrozenReason;
    },
  ];
  /** A freeze of the idle sandbox failed. The sandbox runs, and freezes when it is next idle. */
  freezeFailed: [error: AnyFreezeError];
  /** A child of `spawn`, `fork` or `adopt` has exited. */
  exit: [child: ChildProcess];
}

/** Options of {@link Sandbox.work}. */
export interface WorkOptions {
  /** For {@link Sandbox.works}. */
  readonly label?: string;
  /** Releases the hold when this child has exited, if it was not released before. */
  readonly until?: ChildProcess;
}

/** One of the {@link Sandbox.works}. */
export interface Work {
  /** As it was given to {@link Sandbox.work}. */
  readonly label?: string;
  /** For how many milliseconds it has been held. */
  readonly sinceMs: number;
}

/** Options of {@link Sandbox.terminate}. */
export interface TerminateOptions {
  /** The signal that asks the processes to end. Default `SIGTERM`. */
  readonly killSignal?: NodeJS.Signals;
  /** Milliseconds until SIGKILL to what is left. 0: at once, and no process is asked to end. Default 2000. */
  readonly forceKillAfter?: number;
  /** Milliseconds after which the promise rejects if not all processes have ended, or that is not certain. Default 10000. */
  readonly timeout?: number;
  /** Aborting it kills what is left at once and rejects the promise with `signal.reason`. */
  readonly signal?: AbortSignal;
}

/** What became of a process that lived when {@link Sandbox.terminate} was called, or began since. */
export interface EndedProcess {
  /** The id of the process. */
  readonly pid: number;
  /** The name of its program, cut to 15 bytes (proc_pid_comm(5)); absent where the system does not tell. */
  readonly name?: string;
  /** Whether it is a child of this process. The system does not tell how other processes ended. */
  readonly isChild: boolean;
  /** Whether it was sent SIGKILL. */
  readonly wasKilled: boolean;
  /** The exit code of a child that exited. */
  readonly exitCode?: number;
  /** The signal that ended a child. */
  readonly signalCode?: NodeJS.Signals;
}

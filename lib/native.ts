import { whatIsLoaded } from './load';
import type { FreezeMode, MemberOutcome, MemberStatus, Signalling, UnstoppedProcess } from './types';
import type { Word } from './word';

/**
 * The whole contract with the addon (native/binding). This is the only file that types it, and the only one that gets it
 * from load.ts. Native code never throws for a failed operation: it returns {@link NativeFailure}s, and failures.ts makes
 * errors of them.
 */

/** Why an operation failed; `FailureCode` in native/core/failure.h. */
export type NativeFailureCode =
  | 'NoPidConfigured'
  | 'ProcessNotFound'
  | 'PermissionDenied'
  | 'UnsupportedPlatform'
  | 'SignalFailed'
  | 'ResourceExhausted'
  | 'Closed'
  | 'NeverStopped'
  | 'Unreadable'
  | InvalidPidCode
  | CgroupFailureCode;

/** Why a value is no pid of a member. */
export type InvalidPidCode =
  | 'NotAPid'
  | 'PidOutOfRange'
  | 'OwnPid'
  | 'OwnGuardian'
  | 'KernelThread'
  | 'ThreadId'
  | 'NotGroupLeader'
  | 'OwnGroup'
  | 'OwnAncestor';

/** Those that are about a control group. */
export type CgroupFailureCode =
  | 'CgroupNotMounted'
  | 'CgroupNotPermitted'
  | 'CgroupReadOnly'
  | 'CgroupMissing'
  | 'CgroupThreaded'
  | 'CgroupControllers'
  | 'CgroupOurs'
  | 'CgroupFrozen'
  | 'CgroupUnseen'
  | 'CgroupHeld'
  | 'CgroupLeft'
  | 'CgroupGone'
  | 'CgroupFailed';

/** `Failure` in native/core/failure.h. */
export interface NativeFailure {
  readonly code: NativeFailureCode;
  /** The process concerned, or 0. */
  readonly pid: number;
  /** errno(3), positive, or 0. */
  readonly errno: number;
  /** The system call that answered with `errno`, or ''. */
  readonly syscall: string;
  /** We stopped the process, or froze the group at `path`, and could not continue it. */
  readonly isStopped: boolean;
  /** The directory concerned, or ''. */
  readonly path: string;
}

/** Why there is no guardian, or none of our new user. No operation fails with it. */
export interface GuardianFailure extends Omit<NativeFailure, 'code'> {
  readonly code:
    | 'UnsupportedPlatform'
    | 'GuardianMissing'
    | 'GuardianFailed'
    | 'GuardianBlind'
    | 'GuardianWeak'
    | 'GuardianDenied';
}

/** The hot calls, bound to one state; native/binding/hot_calls.h. They use no receiver. */
export interface HotCalls {
  /** `undefined`: that is no epoch. */
  freezeAtEpoch(epoch: number): boolean | undefined | NativeFailure[];
  unfreeze(): undefined | NativeFailure[];
  /** `undefined`: closed. */
  word(): Word | undefined;
}

/** `Confirmation::Stage` in native/core/state/confirmation.h. */
const stages = ['freezing', 'stopping', 'stopped', 'passed'] as const;

/** How far a step of a confirmation has come. */
export interface ConfirmationProgress {
  readonly stage: (typeof stages)[number];
  /** The next step finds nothing to do before a process that was signalled has stopped. */
  readonly isBlocked: boolean;
}

/** What a step of a confirmation has answered; a number, since native code takes longer to make an object. */
export function progressOf(answer: number): ConfirmationProgress {
  return { stage: stages[answer >> 1] as ConfirmationProgress['stage'], isBlocked: (answer & 1) !== 0 };
}

/**
 * The confirmations of one state, by numbers that the caller gives; native/binding/confirmations.h. One that was not ended
 * is rolled back when the handle is dropped. Of one that was ended, all but `stepConfirmation` answer as if its epoch had
 * passed.
 */
export interface Confirmations {
  /**
   * Takes a step of a confirmation at that epoch, for so long at most. The first one begins it. It ends with a step that
   * fails, and with stage `passed`. `progressOf` reads the answer.
   */
  stepConfirmation(id: number, epoch: number, limitMicroseconds: number): number | NativeFailure[];
  /** Those that were signalled and not seen stopped; `undefined` where the epoch has passed. */
  confirmationPending(id: number): UnstoppedProcess[] | undefined;
  /**
   * Thaws what is frozen at the epoch, or is about to be; with `onlyOwn` only if this confirmation froze it. `true`: it did.
   */
  rollBackConfirmation(id: number, onlyOwn: boolean): boolean | NativeFailure[];
  /**
   * Writes the nanoseconds until all were signalled and until all were seen stopped, and then of each process its pid and its
   * outcome, as an index of `outcomeNames`, and ends the confirmation. How many numbers that are: where they are more than
   * `into` has room for, nothing is written, and the confirmation goes on. `undefined` where the epoch has passed.
   */
  confirmationReport(id: number, into: Float64Array): number | undefined;
  /** The freeze is rolled back unless it is done. */
  endConfirmation(id: number): void;
}

/** `Outcome` in native/core/modes/freezer.h. */
export const outcomeNames: readonly MemberOutcome['outcome'][] = ['stopped', 'gone', 'already-stopped'];

/** One state; native/binding/state_handle.h. */
export interface StateHandle extends HotCalls, Confirmations {
  /** `joins`: a child that moves itself into the control group, where the mode has one; `Membership::expect`. */
  registerPid(pid: number, joins: boolean): undefined | NativeFailure[];
  /** All or none; `index` is the place of the pid that failed. */
  registerPids(pids: readonly number[]): undefined | { failures: NativeFailure[]; index: number };
  unregisterPid(pid: number): boolean | NativeFailure[];
  forceUnfreeze(): undefined | NativeFailure[];
  close(): undefined | NativeFailure[];
  /** `undefined`: closed. */
  pids(): number[] | undefined;
  mode(): FreezeMode;
  /** `undefined` in any mode but `cgroup`. */
  cgroup(): string | undefined;
  /** `undefined`: closed. */
  inspect(): MemberStatus[] | undefined;
  /** Lets `attach` find the state from now on, by this id. */
  share(): number;
  hold(): undefined | NativeFailure[];
  /** Releases one `hold` of this handle. */
  release(): void;
  /** Of all threads. */
  holdCount(): number;
  /** Blocks this thread. Returns the word after a change, or `seen` if the time is up; `undefined`: closed. */
  waitForChange(seen: Word, timeoutMs: number | undefined, spinMicroseconds: number): Word | undefined;
  /**
   * Calls back, with the word as it is then, in a turn of the event loop after changes made through any other handle, and
   * after the last hold was released through any handle.
   * `false`: out of resources.
   */
  listen(onChange: (word: Word | undefined) => void): boolean;
  unlisten(): void;
  /** Whether listening keeps the event loop alive; at first it does not. */
  keepAlive(yes: boolean): void;
}

/** The pipe by which joiners report; native/binding/report_pipe_handle.h. It is closed at the latest with its thread. */
export interface ReportPipe {
  /** One more descriptor of the end to read from, which its caller closes; -1: none is left. Reading does not block. */
  reader(): number;
  /** For children to inherit; -1 once it is closed. */
  writer(): number;
  /** What is there to read, or the first part of it; '' if nothing is. */
  read(): string;
  close(): void;
}

interface Addon {
  /** Made by `make` and `attach` only. */
  StateHandle: abstract new () => StateHandle;
  make(
    mode: string,
    boost: boolean,
    cgroupPath: string | undefined,
    cgroupParent: string | undefined,
    isGuarded: boolean,
    /** Set: the members end with this process, and so does what has this tag in its environment; empty: no such tag. */
    endingMark: string | undefined,
  ): StateHandle | NativeFailure[];
  /**
   * Calls back, in a turn of the event loop, when no process with one of these pids lives. Keeps the event loop alive until it
   * is stopped. `undefined`: the system cannot tell.
   */
  watchExits(pids: readonly number[], allGone: () => void): { stop(): void } | undefined;
  /** `undefined`: no descriptor is left, or the system has no joiners. */
  openReportPipe(): ReportPipe | undefined;
  /** The mode bits of a regular file that this process may execute; -1 for anything else. */
  executableMode(path: string): number;
  /** Of the process, for every thread and state. */
  childStopNotices(): boolean;
  setChildStopNotices(yes: boolean): void;
  /** The file to start as the guardian; before the first `make`. */
  setGuardianProgram(file: string): void;
  /** `pid`: if one runs. `failures`: why none can run, as far as that is known while one is starting. */
  guardian(): { pid?: number; isStarting: boolean; failures: GuardianFailure[] };
  /** Whether this is the first call for this subject in this process. */
  isFirstWarning(subject: 'thaw' | 'kill'): boolean;
  /** Tells this process, and this copy of the addon in it, from every other. */
  processToken: string;
  /** A handle for a state that exists, or why there is none. */
  attach(processToken: string, id: number): StateHandle | 'foreign' | 'unknown' | 'gone';
  /** For each mode why it cannot work; nothing if it can. */
  capabilities(): { signalling: Signalling; boost: boolean; modes: Record<FreezeMode, NativeFailure[]> };
}

const { addon, guardian, joiner } = whatIsLoaded();
export const native = addon as unknown as Addon;
native.setGuardianProgram(guardian);
/** Where the program native/joiner is, if it is there. */
export const joinerFile = joiner;

import type { CgroupError } from './cgroup-error';
import type { SystemAnswer } from './system-answer';
import type { UnstoppedProcess } from './types';

/** The `code` of every {@link FreezeError}. */
export type FreezeErrorCode = AnyFreezeError['code'];

/** Every error of this package; `switch (error.code)` narrows it to its class. */
export type AnyFreezeError =
  | NoPidConfiguredError
  | ProcessNotFoundError
  | PermissionDeniedError
  | UnsupportedPlatformError
  | SignalFailedError
  | UnreadableProcessError
  | MultipleFreezeError
  | InvalidPidError
  | ResourceExhaustedError
  | FreezeTimeoutError
  | NotStoppedError
  | FreezeClosedError
  | InvalidHandleError
  | CgroupError;

/**
 * What every operation of a `FreezeState` throws when it fails, by one of its subclasses. From the crate's `FreezeError`.
 * An argument of the wrong type or out of range is a `TypeError` or a `RangeError` instead, as everywhere in Node.
 *
 * Only the package constructs these errors. The constructors of the subclasses are no part of the interface and may change in
 * any version.
 */
export abstract class FreezeError extends Error {
  /** Names the kind of failure and never changes; the message may. */
  abstract readonly code: string;
  static {
    // On the prototype, where Error has its own: not a property of each error, and not shown beside its fields.
    FreezeError.named(FreezeError, 'FreezeError');
  }

  /** @internal */
  protected static named(errorClass: { readonly prototype: Error }, name: string): void {
    Object.defineProperty(errorClass.prototype, 'name', { value: name, writable: true, configurable: true });
  }
}

/** A freeze was asked for, and no process is registered. Those that were may have exited and been forgotten. */
export class NoPidConfiguredError extends FreezeError {
  override readonly code = 'ERR_FREEZE_NO_PID';
  static {
    FreezeError.named(NoPidConfiguredError, 'NoPidConfiguredError');
  }
}

/** No registered process lives. While another one lives, a process that has exited is no error. */
export class ProcessNotFoundError extends FreezeError {
  override readonly code = 'ERR_FREEZE_PROCESS_NOT_FOUND';
  static {
    FreezeError.named(ProcessNotFoundError, 'ProcessNotFoundError');
  }
  constructor(
    message: string,
    /** The process that has exited or never existed. */
    readonly pid: number,
  ) {
    super(message);
  }
}

/** The process belongs to another user (EPERM, kill(2)). Its `cause` is the system's error. */
export class PermissionDeniedError extends FreezeError {
  override readonly code = 'ERR_FREEZE_PERMISSION_DENIED';
  static {
    FreezeError.named(PermissionDeniedError, 'PermissionDeniedError');
  }
  constructor(
    message: string,
    /** The process that may not be signalled. */
    readonly pid: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** This platform has no SIGSTOP (Windows), or no /proc that the mode needs. Mode `none` works everywhere. */
export class UnsupportedPlatformError extends FreezeError {
  override readonly code = 'ERR_FREEZE_UNSUPPORTED_PLATFORM';
  static {
    FreezeError.named(UnsupportedPlatformError, 'UnsupportedPlatformError');
  }
}

/** A signal could not be sent for another reason than permission. Its `cause` is the system's error. */
export class SignalFailedError extends FreezeError {
  override readonly code = 'ERR_FREEZE_SIGNAL_FAILED';
  static {
    FreezeError.named(SignalFailedError, 'SignalFailedError');
  }
  constructor(
    message: string,
    /** The process that was signalled. */
    readonly pid: number,
    { errno, syscall }: SystemAnswer,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.errno = errno;
    this.syscall = syscall;
  }
  /** See {@link SystemAnswer.errno}. */
  readonly errno: number;
  /** See {@link SystemAnswer.syscall}. */
  readonly syscall: string;
}

/**
 * /proc does not show a process to this user, so its children cannot be known. It may be mounted to hide the processes of
 * other users (hidepid, proc(5)). Its `cause` is the system's error, where there is one.
 */
export class UnreadableProcessError extends FreezeError {
  override readonly code = 'ERR_FREEZE_UNREADABLE';
  static {
    FreezeError.named(UnreadableProcessError, 'UnreadableProcessError');
  }
  constructor(message: string, fields: { readonly pid?: number }, options?: ErrorOptions) {
    super(message, options);
    if (fields.pid !== undefined) this.pid = fields.pid;
  }
  /** The process; absent where it is about all of them. */
  declare readonly pid?: number;
}

/** Several processes, or a process and its control group, failed in one operation. */
export class MultipleFreezeError extends FreezeError {
  override readonly code = 'ERR_FREEZE_MULTIPLE';
  static {
    FreezeError.named(MultipleFreezeError, 'MultipleFreezeError');
  }
  constructor(
    message: string,
    /** One for each, those of processes in the order of their registration. */
    readonly errors: readonly AnyFreezeError[],
  ) {
    super(message);
  }
}

/**
 * Not a pid that can be frozen: not an integer from 2 to 2^31-1, or our own, or a thread's; in mode `process-group` that of a
 * process that does not lead its group, or of our own group; in the modes `process-tree` and `cgroup`
 * that of an ancestor of ours.
 */
export class InvalidPidError extends FreezeError {
  override readonly code = 'ERR_FREEZE_INVALID_PID';
  static {
    FreezeError.named(InvalidPidError, 'InvalidPidError');
  }
  constructor(
    message: string,
    /** What was given. */
    readonly pid: unknown,
  ) {
    super(message);
  }
}

/**
 * The system ran out of something that the operation needs: file descriptors (EMFILE, ENFILE) or memory. Its `cause` is the
 * system's error.
 */
export class ResourceExhaustedError extends FreezeError {
  override readonly code = 'ERR_FREEZE_RESOURCE_EXHAUSTED';
  static {
    FreezeError.named(ResourceExhaustedError, 'ResourceExhaustedError');
  }
  constructor(
    message: string,
    { pid, errno, syscall }: SystemAnswer & { readonly pid?: number },
    options?: ErrorOptions,
  ) {
    super(message, options);
    if (pid !== undefined) this.pid = pid;
    this.errno = errno;
    this.syscall = syscall;
  }
  /** The process that it is about, such as one that was not registered; absent where it is about none. */
  declare readonly pid?: number;
  /** See {@link SystemAnswer.errno}. */
  readonly errno: number;
  /** The system call that failed, or the function of Node-API. */
  readonly syscall: string;
}

/** What was waited for did not come in time: a change, the last release, the exits, or the end of a `Sandbox`. */
export class FreezeTimeoutError extends FreezeError {
  override readonly code = 'ERR_FREEZE_TIMEOUT';
  static {
    FreezeError.named(FreezeTimeoutError, 'FreezeTimeoutError');
  }
  constructor(
    message: string,
    /** Milliseconds, as they were given. */
    readonly timeout: number,
  ) {
    super(message);
  }
}

/** Processes did not stop in time, so the freeze was rolled back: nothing that it stopped stays stopped. */
export class NotStoppedError extends FreezeError {
  override readonly code = 'ERR_FREEZE_NOT_STOPPED';
  static {
    FreezeError.named(NotStoppedError, 'NotStoppedError');
  }
  constructor(
    message: string,
    fields: { readonly timeout?: number; readonly processes: readonly UnstoppedProcess[] },
    options?: ErrorOptions,
  ) {
    super(message, options);
    if (fields.timeout !== undefined) this.timeout = fields.timeout;
    this.processes = fields.processes;
  }
  /**
   * Milliseconds, as they were given to a confirmation, or the default. Absent where a freeze in mode `process-tree` reached
   * its own limit: a second in which no further process stopped, or five seconds in all. A process that waits for a processor
   * is given the five.
   */
  declare readonly timeout?: number;
  /** Those that were signalled and had not stopped. Empty if the time was too short to signal all. */
  readonly processes: readonly UnstoppedProcess[];
}

/** The state was closed. */
export class FreezeClosedError extends FreezeError {
  override readonly code = 'ERR_FREEZE_CLOSED';
  static {
    FreezeError.named(FreezeClosedError, 'FreezeClosedError');
  }
}

/** The handle that was to be attached names no state of this process. */
export class InvalidHandleError extends FreezeError {
  override readonly code = 'ERR_FREEZE_INVALID_HANDLE';
  static {
    FreezeError.named(InvalidHandleError, 'InvalidHandleError');
  }
}

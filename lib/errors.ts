import { getSystemErrorName } from 'node:util';
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

/** A freeze was asked for and no process is registered, or those that were have all exited and were forgotten. */
export class NoPidConfiguredError extends FreezeError {
  override readonly code = 'ERR_FREEZE_NO_PID';
  static {
    FreezeError.named(NoPidConfiguredError, 'NoPidConfiguredError');
  }
}

/** No registered process lives. One that has exited is no error while another lives. */
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

/** The process belongs to somebody else (EPERM, kill(2)). */
export class PermissionDeniedError extends FreezeError {
  override readonly code = 'ERR_FREEZE_PERMISSION_DENIED';
  static {
    FreezeError.named(PermissionDeniedError, 'PermissionDeniedError');
  }
  constructor(
    message: string,
    /** The process that may not be signalled. */
    readonly pid: number,
  ) {
    super(message);
  }
}

/** This platform has no signals to freeze processes with. Mode `none` works everywhere. */
export class UnsupportedPlatformError extends FreezeError {
  override readonly code = 'ERR_FREEZE_UNSUPPORTED_PLATFORM';
  static {
    FreezeError.named(UnsupportedPlatformError, 'UnsupportedPlatformError');
  }
}

/** A signal could not be sent for another reason than permission. */
export class SignalFailedError extends FreezeError {
  override readonly code = 'ERR_FREEZE_SIGNAL_FAILED';
  static {
    FreezeError.named(SignalFailedError, 'SignalFailedError');
  }
  constructor(
    message: string,
    /** The process that was signalled. */
    readonly pid: number,
    /** errno(3), positive, as in `os.constants.errno`. */
    readonly errno: number,
    /** The system call that failed. */
    readonly syscall: string,
  ) {
    super(message);
  }
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
 * process that does not lead its group, or of our own group; in mode `process-tree` that of an ancestor of ours.
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

/** The system ran out of something that registering needs: file descriptors (EMFILE, ENFILE) or memory. */
export class ResourceExhaustedError extends FreezeError {
  override readonly code = 'ERR_FREEZE_RESOURCE_EXHAUSTED';
  static {
    FreezeError.named(ResourceExhaustedError, 'ResourceExhaustedError');
  }
  constructor(
    message: string,
    /** The process that was not registered. */
    readonly pid: number,
    /** errno(3), positive, as in `os.constants.errno`. */
    readonly errno: number,
    /** The system call that failed. */
    readonly syscall: string,
  ) {
    super(message);
  }
}

/** The state did not change in time. */
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

/** Processes did not stop in time, so their freeze was rolled back: nothing that it stopped stays so. */
export class NotStoppedError extends FreezeError {
  override readonly code = 'ERR_FREEZE_NOT_STOPPED';
  static {
    FreezeError.named(NotStoppedError, 'NotStoppedError');
  }
  constructor(
    message: string,
    /** Milliseconds, as they were given, or the default. */
    readonly timeout: number,
    /** Those that had been signalled and had not stopped; empty where the time was too short to signal all. */
    readonly processes: readonly UnstoppedProcess[],
  ) {
    super(message);
  }
}

/** The state was closed. */
export class FreezeClosedError extends FreezeError {
  override readonly code = 'ERR_FREEZE_CLOSED';
  static {
    FreezeError.named(FreezeClosedError, 'FreezeClosedError');
  }
}

/** What was to be attached is not a handle of a state of this process. */
export class InvalidHandleError extends FreezeError {
  override readonly code = 'ERR_FREEZE_INVALID_HANDLE';
  static {
    FreezeError.named(InvalidHandleError, 'InvalidHandleError');
  }
}

/** Why a control group could not be used; see {@link CgroupError.reason}. */
export type CgroupReason =
  /** No hierarchy of version 2 is mounted, or none is to be seen from here. */
  | 'not-mounted'
  | 'not-permitted'
  | 'read-only'
  /** No directory of the hierarchy, or one that cannot be frozen, as its root. */
  | 'no-cgroup'
  /** It takes threads and no processes. */
  | 'threaded'
  /** It has controllers enabled for the groups below it (cgroup.subtree_control), and so takes no processes. */
  | 'has-controllers'
  /** This process is in it, and would freeze itself. */
  | 'ours'
  /** Someone else froze it or one above it, which is not ours to thaw. */
  | 'frozen-by-another'
  /** Somebody moved a member out of it, so a freeze would not reach that. */
  | 'member-left'
  /** Somebody removed it since this state took it. */
  | 'gone'
  | 'failed';

/** A control group could not be used, in mode `cgroup` (cgroups(7)). */
export class CgroupError extends FreezeError {
  override readonly code = 'ERR_FREEZE_CGROUP';
  static {
    FreezeError.named(CgroupError, 'CgroupError');
  }
  constructor(
    message: string,
    readonly reason: CgroupReason,
    /** The group's directory, or '' where there is none. */
    readonly path: string,
    /** errno(3), positive, as in `os.constants.errno`, or 0. */
    readonly errno: number,
    /** The system call that failed, or ''. */
    readonly syscall: string,
  ) {
    super(message);
  }
}

/** An errno(3) by name, as people look it up. */
export function errnoName(errno: number): string {
  return getSystemErrorName(-errno);
}

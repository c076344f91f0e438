import {
  type AnyFreezeError,
  type CgroupReason,
  FreezeError,
  type FreezeErrorCode,
  type UnstoppedProcess,
} from 'freeze-state';
import { expectTypeOf } from 'vitest';

// Compiled by `npm run types`, never run: an expected error that is none is an error itself.

/** `switch (error.code)` narrows to the class, and the compiler knows when no case is missing. */
export function narrows(error: AnyFreezeError): unknown {
  // @ts-expect-error: not every error has a pid.
  error.pid;
  switch (error.code) {
    case 'ERR_FREEZE_NO_PID':
    case 'ERR_FREEZE_UNSUPPORTED_PLATFORM':
    case 'ERR_FREEZE_CLOSED':
    case 'ERR_FREEZE_INVALID_HANDLE':
      // @ts-expect-error: none of these has a pid.
      return error.pid;
    case 'ERR_FREEZE_PROCESS_NOT_FOUND':
    case 'ERR_FREEZE_PERMISSION_DENIED':
      expectTypeOf(error.pid).toEqualTypeOf<number>();
      // @ts-expect-error: nor an errno.
      return error.errno;
    case 'ERR_FREEZE_SIGNAL_FAILED':
      expectTypeOf(error.pid).toEqualTypeOf<number>();
      return error;
    case 'ERR_FREEZE_RESOURCE_EXHAUSTED':
      expectTypeOf(error.pid).toEqualTypeOf<number | undefined>();
      expectTypeOf(error.errno).toEqualTypeOf<number>();
      expectTypeOf(error.syscall).toEqualTypeOf<string>();
      return error;
    case 'ERR_FREEZE_MULTIPLE':
      expectTypeOf(error.errors).toEqualTypeOf<readonly AnyFreezeError[]>();
      return error;
    case 'ERR_FREEZE_INVALID_PID':
      expectTypeOf(error.pid).toEqualTypeOf<unknown>();
      return error;
    case 'ERR_FREEZE_CGROUP':
      expectTypeOf(error.reason).toEqualTypeOf<CgroupReason>();
      expectTypeOf(error.path).toEqualTypeOf<string | undefined>();
      expectTypeOf(error.errno).toEqualTypeOf<number | undefined>();
      return error;
    case 'ERR_FREEZE_UNREADABLE':
      expectTypeOf(error.pid).toEqualTypeOf<number | undefined>();
      return error;
    case 'ERR_FREEZE_TIMEOUT':
      expectTypeOf(error.timeout).toEqualTypeOf<number>();
      return error;
    case 'ERR_FREEZE_NOT_STOPPED':
      expectTypeOf(error.processes).toEqualTypeOf<readonly UnstoppedProcess[]>();
      return error;
    default:
      expectTypeOf(error).toEqualTypeOf<never>();
      return error;
  }
}

export function misses(error: AnyFreezeError): never | undefined {
  switch (error.code) {
    case 'ERR_FREEZE_NO_PID':
      return undefined;
    // @ts-expect-error: no error has this code.
    case 'ERR_FREEZE_NO_SUCH_CODE':
      return undefined;
    default:
      // @ts-expect-error: there are more.
      return error;
  }
}

/** Every code, and so every class. */
expectTypeOf<FreezeErrorCode>().toEqualTypeOf<
  | 'ERR_FREEZE_NO_PID'
  | 'ERR_FREEZE_PROCESS_NOT_FOUND'
  | 'ERR_FREEZE_PERMISSION_DENIED'
  | 'ERR_FREEZE_UNSUPPORTED_PLATFORM'
  | 'ERR_FREEZE_SIGNAL_FAILED'
  | 'ERR_FREEZE_MULTIPLE'
  | 'ERR_FREEZE_INVALID_PID'
  | 'ERR_FREEZE_RESOURCE_EXHAUSTED'
  | 'ERR_FREEZE_TIMEOUT'
  | 'ERR_FREEZE_NOT_STOPPED'
  | 'ERR_FREEZE_UNREADABLE'
  | 'ERR_FREEZE_CLOSED'
  | 'ERR_FREEZE_INVALID_HANDLE'
  | 'ERR_FREEZE_CGROUP'
>();
expectTypeOf<AnyFreezeError>().toExtend<FreezeError>();
expectTypeOf<FreezeError>().toExtend<Error>();

// @ts-expect-error: it is the base of the classes, and none itself.
new FreezeError('message');

export function fieldsAreReadonly(error: AnyFreezeError): void {
  if (error.code === 'ERR_FREEZE_SIGNAL_FAILED') {
    // @ts-expect-error
    error.pid = 2;
    // @ts-expect-error
    error.errno = 2;
    // @ts-expect-error
    error.syscall = 'kill';
    // @ts-expect-error
    error.code = 'ERR_FREEZE_NO_PID';
  }
  // @ts-expect-error
  if (error.code === 'ERR_FREEZE_MULTIPLE') error.errors.push(error);
}

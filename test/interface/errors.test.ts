import { getSystemErrorName } from 'node:util';
import * as freezeState from 'freeze-state';
import { FreezeError, FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { errorOf } from '../../dist/failures';
import type { NativeFailure } from '../../dist/native';
import { impossiblePid } from '../helpers/processes';

const { NoPidConfiguredError, ProcessNotFoundError, PermissionDeniedError, UnsupportedPlatformError } = freezeState;
const { SignalFailedError, MultipleFreezeError, InvalidPidError, ResourceExhaustedError } = freezeState;
const {
  UnreadableProcessError,
  NotStoppedError,
  FreezeTimeoutError,
  FreezeClosedError,
  InvalidHandleError,
  CgroupError,
} = freezeState;

const samples = [
  [new NoPidConfiguredError('m'), 'NoPidConfiguredError', 'ERR_FREEZE_NO_PID', {}],
  [new ProcessNotFoundError('m', 7), 'ProcessNotFoundError', 'ERR_FREEZE_PROCESS_NOT_FOUND', { pid: 7 }],
  [new PermissionDeniedError('m', 7), 'PermissionDeniedError', 'ERR_FREEZE_PERMISSION_DENIED', { pid: 7 }],
  [new UnsupportedPlatformError('m'), 'UnsupportedPlatformError', 'ERR_FREEZE_UNSUPPORTED_PLATFORM', {}],
  [
    new SignalFailedError('m', 7, { errno: -12, syscall: 'kill' }),
    'SignalFailedError',
    'ERR_FREEZE_SIGNAL_FAILED',
    { pid: 7, errno: -12, syscall: 'kill' },
  ],
  [new MultipleFreezeError('m', []), 'MultipleFreezeError', 'ERR_FREEZE_MULTIPLE', { errors: [] }],
  [new InvalidPidError('m', 'x'), 'InvalidPidError', 'ERR_FREEZE_INVALID_PID', { pid: 'x' }],
  [
    new ResourceExhaustedError('m', { pid: 7, errno: -24, syscall: 'pidfd_open' }),
    'ResourceExhaustedError',
    'ERR_FREEZE_RESOURCE_EXHAUSTED',
    { pid: 7, errno: -24, syscall: 'pidfd_open' },
  ],
  [
    new ResourceExhaustedError('m', { errno: -24, syscall: 'open' }),
    'ResourceExhaustedError',
    'ERR_FREEZE_RESOURCE_EXHAUSTED',
    { errno: -24, syscall: 'open' },
  ],
  [new UnreadableProcessError('m', { pid: 7 }), 'UnreadableProcessError', 'ERR_FREEZE_UNREADABLE', { pid: 7 }],
  [new UnreadableProcessError('m', {}), 'UnreadableProcessError', 'ERR_FREEZE_UNREADABLE', {}],
  [new FreezeTimeoutError('m', 5), 'FreezeTimeoutError', 'ERR_FREEZE_TIMEOUT', { timeout: 5 }],
  [
    new NotStoppedError('m', { timeout: 5, processes: [{ pid: 7 }] }),
    'NotStoppedError',
    'ERR_FREEZE_NOT_STOPPED',
    { timeout: 5, processes: [{ pid: 7 }] },
  ],
  [new NotStoppedError('m', { processes: [] }), 'NotStoppedError', 'ERR_FREEZE_NOT_STOPPED', { processes: [] }],
  [new FreezeClosedError('m'), 'FreezeClosedError', 'ERR_FREEZE_CLOSED', {}],
  [new InvalidHandleError('m'), 'InvalidHandleError', 'ERR_FREEZE_INVALID_HANDLE', {}],
  [
    new CgroupError('m', 'read-only', { path: '/sys/fs/cgroup', errno: -30, syscall: 'mkdir' }),
    'CgroupError',
    'ERR_FREEZE_CGROUP',
    { reason: 'read-only', path: '/sys/fs/cgroup', errno: -30, syscall: 'mkdir' },
  ],
  [new CgroupError('m', 'not-mounted'), 'CgroupError', 'ERR_FREEZE_CGROUP', { reason: 'not-mounted' }],
] as const;

describe.each(samples)('%s', (error, name, code, fields) => {
  it('is a FreezeError and an Error', () => {
    expect(error).toBeInstanceOf(FreezeError);
    expect(error).toBeInstanceOf(Error);
  });

  it('has its name, its code and its fields, and no more', () => {
    expect(error.name).toBe(name);
    expect(error.constructor.name).toBe(name);
    expect(error.message).toBe('m');
    expect({ ...error }).toEqual({ code, ...fields });
    expect(String(error)).toBe(`${name}: m`);
    expect(error.stack).toMatch(new RegExp(`^${name}: m\n`));
  });

  it('keeps its name on the prototype, where it is not enumerable', () => {
    expect(Object.hasOwn(error, 'name')).toBe(false);
    const property = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(error), 'name');
    expect(property).toMatchObject({ value: name, enumerable: false, writable: true, configurable: true });
    const inherited: string[] = [];
    for (const key in error) inherited.push(key);
    expect(inherited).not.toContain('name');
  });
});

it('every error class of the package is among these samples', () => {
  const classes = Object.entries(freezeState).filter(
    ([, value]) => typeof value === 'function' && value.prototype instanceof FreezeError,
  );
  const names = [...new Set(samples.map(([, name]) => name))];
  expect(classes.map(([name]) => name).sort()).toEqual(names.sort());
  expect(new Set(samples.map(([, , code]) => code)).size).toBe(names.length);
});

it('the package exports nothing else', () => {
  // `default` is how an import of CommonJS looks here.
  const others = Object.keys(freezeState).filter((name) => !/Error$|^default$/.test(name));
  expect(others.sort()).toEqual(['FreezeMode', 'FreezeState']);
});

describe('a message names the operation, the process, the call, and what to do:', () => {
  function messageOf(operation: () => unknown): string {
    try {
      operation();
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error('It did not throw.');
  }

  it('a freeze without a member', () => {
    const message = messageOf(() => new FreezeState('process').freezeAtEpoch(0));
    expect(message).toBe(
      'freezeAtEpoch: no process is registered, or all that were registered have exited. Call registerPid(pid) first.',
    );
  });

  it('a freeze whose only member has exited', () => {
    const message = messageOf(() => new FreezeState('process', impossiblePid).freezeAtEpoch(0));
    expect(message).toBe(
      `freezeAtEpoch: process ${impossiblePid} has exited or never existed (pidfd_send_signal: ESRCH), ` +
        'and no other member lives. Register the process that takes its place.',
    );
  });

  it('a freeze whose members have all exited, each of them', () => {
    const pids = [impossiblePid - 1, impossiblePid];
    const message = messageOf(() => FreezeState.withPids('process', pids).freezeAtEpoch(0));
    expect(message).toMatch(/^freezeAtEpoch: 2 processes failed\.\n {2}.*\n {2}/);
    for (const pid of pids) expect(message).toContain(`process ${pid} has exited`);
  });

  it('the registration of this very process', () => {
    const message = messageOf(() => new FreezeState('process', process.pid));
    expect(message).toContain(`registerPid: ${process.pid} is this very process`);
    expect(message).toContain('Nothing was changed.');
  });

  it('an operation on a closed state', () => {
    const state = new FreezeState();
    state.close();
    expect(messageOf(() => state.unfreeze())).toBe(
      'This FreezeState was closed, by some thread or at exit. Make a new one.',
    );
  });
});

describe('the error of a failure that no test causes', () => {
  const failure: NativeFailure = {
    code: 'PermissionDenied',
    pid: 7,
    errno: 1,
    syscall: 'kill',
    isStopped: true,
    path: '',
  };

  it('says how long a tree was waited for', () => {
    const error = errorOf([{ ...failure, code: 'NeverStopped', errno: 110, syscall: 'fork' }], 'freezeAtEpoch');
    expect({ ...error }).toEqual({ code: 'ERR_FREEZE_NOT_STOPPED', processes: [{ pid: 7 }] });
    const { message } = error;
    expect(message).toContain(
      'process 7, or its tree, did not stop after SIGSTOP (fork: ETIMEDOUT): for a second no further process stopped, or ' +
        'the freeze took five seconds. So its descendants cannot be known.',
    );
  });

  it('says by a code of its own that /proc hides a process, or all of them', () => {
    const one = errorOf([{ ...failure, code: 'Unreadable', errno: 13, syscall: 'open' }], 'freezeAtEpoch');
    expect({ ...one }).toEqual({ code: 'ERR_FREEZE_UNREADABLE', pid: 7 });
    expect(one.cause).toMatchObject({ code: 'EACCES', errno: -13, syscall: 'open' });
    const all = errorOf([{ ...failure, code: 'Unreadable', pid: 0, errno: 0, syscall: 'open' }], 'freezeAtEpoch');
    expect({ ...all }).toEqual({ code: 'ERR_FREEZE_UNREADABLE' });
    expect(all).not.toHaveProperty('cause');
  });

  it("has the system's error as the cause, as Node has it", () => {
    const { cause } = errorOf([failure], 'freezeAtEpoch') as { cause: NodeJS.ErrnoException };
    expect({ ...cause, message: cause.message }).toEqual({
      code: 'EPERM',
      errno: -1,
      syscall: 'kill',
      message: 'EPERM: operation not permitted, kill',
    });
    expect(getSystemErrorName(cause.errno ?? 0)).toBe('EPERM');
    const group = { ...failure, code: 'CgroupFailed', pid: 0, errno: 16, syscall: 'rmdir', path: '/g' } as const;
    expect({ ...errorOf([group], 'close') }).toEqual({
      code: 'ERR_FREEZE_CGROUP',
      reason: 'failed',
      path: '/g',
      errno: -16,
      syscall: 'rmdir',
    });
  });

  it('says how to thaw a control group that close could not thaw', () => {
    const thaw = { ...failure, code: 'CgroupFailed', pid: 0, errno: 5, syscall: 'write', path: '/g' } as const;
    const move = { ...thaw, pid: 7, isStopped: false, path: '/origin' };
    const advice = /The state is closed\. What is left in \/g stays frozen; `echo 0 > \/g\/cgroup\.freeze` thaws it\.$/;
    expect(errorOf([thaw], 'close').message).toMatch(advice);
    expect(errorOf([thaw, move], 'close').message).toMatch(advice);
    expect(errorOf([thaw], 'unfreeze').message).toMatch(/stays frozen; the next unfreeze\(\) tries it once more\.$/);
  });

  it('says how many processes failed, or how many failures there are if a control group failed too', () => {
    const other = { ...failure, pid: 8 };
    const group = { ...failure, code: 'CgroupFailed', pid: 0, errno: 16, syscall: 'rmdir', path: '/g' } as const;
    expect(errorOf([failure, other], 'close').message).toMatch(/^close: 2 processes failed\.\n/);
    expect(errorOf([failure, group], 'close').message).toMatch(/^close: 2 failures\.\n.*process 7.*\n.*\/g.*EBUSY/);
  });
});

describe('FreezeMode', () => {
  it('is a frozen object of strings', () => {
    expect(FreezeMode).toEqual({
      None: 'none',
      Process: 'process',
      ProcessGroup: 'process-group',
      ProcessTree: 'process-tree',
      Cgroup: 'cgroup',
    });
    expect(Object.isFrozen(FreezeMode)).toBe(true);
  });
});

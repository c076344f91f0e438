import { constants } from 'node:os';
import { isProxy } from 'node:util/types';
import {
  type AnyFreezeError,
  errnoName,
  FreezeClosedError,
  InvalidPidError,
  MultipleFreezeError,
  NoPidConfiguredError,
  PermissionDeniedError,
  ProcessNotFoundError,
  ResourceExhaustedError,
  SignalFailedError,
  UnsupportedPlatformError,
} from './errors';
import type { NativeFailure } from './native';

/** What became of it when an operation failed for a process; ends the message, once. */
const aftermaths = {
  freezeAtEpoch: 'This freeze left no process stopped.',
  unfreeze: 'Every other process runs; the next unfreeze() tries this one once more.',
  registerPid: 'It was not registered.',
  unregisterPid: 'It stays registered.',
  hold: 'Every other process runs; nothing is held, and the next hold() or unfreeze() tries this one once more.',
  close: 'Every other process runs, and the state is closed.',
} as const;

/** An operation that can fail for a process. */
export type Operation = keyof typeof aftermaths;

/** Makes the error of an operation out of what the core handed over. `argument` is the pid that was given to it. */
export function errorOf(failures: readonly NativeFailure[], operation: Operation, argument?: unknown): AnyFreezeError {
  const stuck = failures.filter(({ isStopped }) => isStopped).map(({ pid }) => pid);
  const aftermath = aftermathOf(operation, stuck);
  const [only] = failures;
  if (only === undefined) throw new Error('freeze-state: a failure without a reason; please report this');
  if (failures.length === 1) return single(only, operation, argument, ` ${aftermath}`);
  const errors = failures.map((failure) => single(failure, operation, argument, ''));
  const lines = errors.map(({ message }) => `  ${message}`);
  return new MultipleFreezeError(
    [`${operation}: ${errors.length} processes failed.`, ...lines, aftermath].join('\n'),
    errors,
  );
}

/** `stuck` are those that refuse to be continued. */
function aftermathOf(operation: Operation, stuck: readonly number[]): string {
  if (stuck.length === 0) return aftermaths[operation];
  const still = `Still stopped: ${stuck.join(', ')}; \`kill -CONT ${stuck.join(' ')}\` by a user who may continues them.`;
  return operation === 'freezeAtEpoch'
    ? `${still} The next unfreeze() tries it too; every other process runs.`
    : `${still} ${aftermaths[operation]}`;
}

export function closedError(message = 'This FreezeState was closed, by some thread or at exit.'): FreezeClosedError {
  return new FreezeClosedError(`${message} Make a new one.`);
}

/** Node could not make a thread-safe function (napi_create_threadsafe_function). */
export function noWakeUp(): ResourceExhaustedError {
  return new ResourceExhaustedError(
    'waitForStateChange: out of memory for what wakes this thread. Wait in fewer states at once.',
    0,
    constants.errno.ENOMEM,
    'napi_create_threadsafe_function',
  );
}

function single(failure: NativeFailure, operation: Operation, argument: unknown, aftermath: string): AnyFreezeError {
  const { pid, errno, syscall } = failure;
  const answer = `(${syscall}: ${errno === 0 ? '' : errnoName(errno)})`;
  switch (failure.code) {
    case 'NoPidConfigured':
      return new NoPidConfiguredError(
        `${operation}: no process is registered, or all that were have exited. Call registerPid(pid) first.`,
      );
    case 'ProcessNotFound':
      return new ProcessNotFoundError(
        `${operation}: process ${pid} has exited or never existed ${answer}, and no other member lives. ` +
          'Register the process that takes its place.',
        pid,
      );
    case 'PermissionDenied':
      return new PermissionDeniedError(
        `${operation}: not permitted to signal process ${pid} ${answer}. ` +
          `Run as the user who owns it, or with CAP_KILL.${aftermath}`,
        pid,
      );
    case 'SignalFailed':
      return new SignalFailedError(
        `${operation}: process ${pid} could not be signalled ${answer}. Look up that errno in ${syscall}(2); ` +
          `a seccomp filter or a security module may forbid the call.${aftermath}`,
        pid,
        errno,
        syscall,
      );
    case 'ResourceExhausted':
      return new ResourceExhaustedError(
        `${operation}: no descriptor for process ${pid} ${answer}. Each member takes one: raise the limit ` +
          `(\`ulimit -n\`), or close states that are done.${aftermath}`,
        pid,
        errno,
        syscall,
      );
    case 'InvalidPid':
      return new InvalidPidError(`${operation}: ${whyInvalid(argument)}. Nothing was changed.`, argument);
    case 'UnsupportedPlatform':
      return new UnsupportedPlatformError(
        `${operation}: processes cannot be frozen on ${process.platform}, which has no SIGSTOP. ` +
          'FreezeMode.None works here; see FreezeState.capabilities.',
      );
    case 'Closed':
      return closedError();
  }
}

function whyInvalid(pid: unknown): string {
  if (typeof pid !== 'number') return `${shown(pid)} is not a pid; expected an integer from 2 to 2147483647`;
  if (!Number.isInteger(pid) || pid < 2 || pid > 0x7f_ff_ff_ff) {
    return `${pid} is not a pid that can be frozen; expected an integer from 2 to 2147483647`;
  }
  if (pid === process.pid) return `${pid} is this very process, and one that stops itself never runs again`;
  return `${pid} is the id of a thread; expected that of a process, which is what a signal stops`;
}

/** A value as a message shows it: short, on one line, and never failing. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  // A proxy that was revoked throws whatever one asks of it.
  if (!isProxy(value) && Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

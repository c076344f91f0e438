import { isAbsolute } from 'node:path';
import { wrongName } from './option-names';
import { shown } from './show';
import { below } from './stack';
import {
  type ConfirmOptions,
  type FreezeHandle,
  FreezeMode,
  type FreezeOptions,
  type FreezeSnapshot,
  type WaitOptions,
} from './types';

/** Errors for arguments, with the codes that Node itself uses for the same mistakes. */
type ArgumentCode = 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE' | 'ERR_OUT_OF_RANGE' | 'ERR_INVALID_THIS';

function coded<E extends Error>(error: E, code: ArgumentCode): E {
  return Object.assign(error, { code });
}

function typeError(message: string): TypeError {
  return below(coded(new TypeError(message), 'ERR_INVALID_ARG_TYPE'));
}

export function invalidThis(member: string, name = 'FreezeState'): TypeError {
  return coded(new TypeError(`${member} was called on something that is not a ${name}.`), 'ERR_INVALID_THIS');
}

export function invalidEpoch(epoch: unknown): RangeError {
  return coded(
    new RangeError(`${shown(epoch)} is not an epoch; expected an integer from 0 to 2^53-1, as currentEpoch gives.`),
    'ERR_OUT_OF_RANGE',
  );
}

export function checkMode(mode: unknown): asserts mode is FreezeMode {
  const modes: readonly unknown[] = Object.values(FreezeMode);
  if (!modes.includes(mode)) {
    const error = new TypeError(`${shown(mode)} is not a mode; expected one of ${modes.map(shown).join(', ')}.`);
    throw below(coded(error, 'ERR_INVALID_ARG_VALUE'));
  }
}

function checkObject(name: string, value: unknown): asserts value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw typeError(`${name} is ${shown(value)}; expected an object.`);
  }
}

/** One that would be passed over in silence, because it is misspelled or for another call, is an error instead. */
function checkNames(name: string, options: Record<string, unknown>, known: readonly string[]): void {
  const wrong = wrongName(name, options, known);
  if (wrong !== undefined) throw typeError(wrong);
}

function checkBoolean(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') {
    throw typeError(`${name} is ${shown(value)}; expected a boolean.`);
  }
}

export function checkOptions(options: unknown, mode: FreezeMode): asserts options is FreezeOptions {
  checkObject('options', options);
  checkNames('options', options, ['boost', 'childStopNotices', 'guardian', 'cgroup']);
  checkBoolean('options.boost', options['boost']);
  checkBoolean('options.childStopNotices', options['childStopNotices']);
  checkBoolean('options.guardian', options['guardian']);
  if (options['cgroup'] !== undefined) checkCgroup(options['cgroup'], mode);
}

function checkCgroup(cgroup: unknown, mode: FreezeMode): void {
  checkObject('options.cgroup', cgroup);
  if (mode !== FreezeMode.Cgroup) {
    throw typeError(`options.cgroup is for mode 'cgroup'; the mode is ${shown(mode)}.`);
  }
  checkNames('options.cgroup', cgroup, ['path', 'parent']);
  const { path, parent } = cgroup;
  if ((path === undefined) === (parent === undefined)) {
    throw typeError('options.cgroup has both a path and a parent, or neither; expected one of them.');
  }
  const [name, directory] = path === undefined ? ['parent', parent] : ['path', path];
  if (typeof directory !== 'string' || !isAbsolute(directory) || directory.includes('\0')) {
    const message = `options.cgroup.${name} is ${shown(directory)}; expected the absolute path of a directory.`;
    throw below(coded(new TypeError(message), 'ERR_INVALID_ARG_VALUE'));
  }
}

export function checkPids(pids: unknown): asserts pids is Iterable<number> {
  if (typeof pids !== 'object' || pids === null || !(Symbol.iterator in pids)) {
    throw typeError(`pids is ${shown(pids)}; expected an array, or another iterable, of pids.`);
  }
}

function checkSnapshot(name: string, value: unknown): asserts value is FreezeSnapshot {
  checkObject(name, value);
  if (
    !Number.isSafeInteger(value['epoch']) ||
    (value['epoch'] as number) < 0 ||
    typeof value['isFrozen'] !== 'boolean'
  ) {
    throw typeError(`${name} is not a snapshot; expected { epoch, isFrozen }, as snapshot() gives.`);
  }
}

export function checkHandle(handle: unknown): asserts handle is FreezeHandle {
  checkObject('handle', handle);
  const { type, process, id } = handle;
  if (type !== 'FreezeHandle' || typeof process !== 'string' || !Number.isSafeInteger(id)) {
    throw typeError('handle is not a FreezeHandle; expected what share() gives, or a structured clone of it.');
  }
}

/** Blocking the main thread for as long as it takes would stop the emulator itself. */
export function checkMayBlock(isMainThread: boolean, timeout: unknown): void {
  if (!isMainThread || timeout !== undefined) return;
  const message = 'On the main thread waitForStateChangeSync needs options.timeout; or await waitForStateChange().';
  throw below(coded(new TypeError(message), 'ERR_INVALID_ARG_VALUE'));
}

const longestTimeout = 2 ** 31 - 1;

/**
 * @param known the options that the call takes.
 * @param without what giving no timeout is for.
 */
export function checkWaitOptions(
  options: unknown,
  known: readonly (keyof WaitOptions)[] = ['since', 'timeout', 'signal', 'ref'],
  without = 'to wait for ever',
): asserts options is WaitOptions {
  checkObject('options', options);
  checkNames('options', options, known);
  const { since, timeout, signal } = options;
  if (since !== undefined) checkSnapshot('options.since', since);
  if (timeout !== undefined) {
    if (typeof timeout !== 'number') {
      throw typeError(`options.timeout is ${shown(timeout)}; expected milliseconds.`);
    }
    if (!(timeout >= 0 && timeout <= longestTimeout)) {
      const message = `options.timeout is ${timeout}; expected milliseconds from 0 to 2^31-1, or none ${without}.`;
      throw below(coded(new RangeError(message), 'ERR_OUT_OF_RANGE'));
    }
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw typeError(`options.signal is ${shown(signal)}; expected an AbortSignal.`);
  }
  checkBoolean('options.ref', options['ref']);
}

export function checkConfirmOptions(options: unknown): asserts options is ConfirmOptions {
  checkWaitOptions(options, ['timeout', 'signal'], 'for the default');
}

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
  type RegisterOptions,
  type WaitOptions,
  type WaitSyncOptions,
} from './types';

/** Errors for arguments, with the codes that Node itself uses for the same mistakes. */
type ArgumentCode = 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE' | 'ERR_OUT_OF_RANGE' | 'ERR_INVALID_THIS';

function coded<E extends Error>(error: E, code: ArgumentCode): E {
  return Object.assign(error, { code });
}

export function typeError(message: string): TypeError {
  return below(coded(new TypeError(message), 'ERR_INVALID_ARG_TYPE'));
}

export function invalidValue(message: string): TypeError {
  return below(coded(new TypeError(message), 'ERR_INVALID_ARG_VALUE'));
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

export function checkObject(name: string, value: unknown): asserts value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw typeError(`${name} is ${shown(value)}; expected an object.`);
  }
}

/**
 * The options that the call takes. Each is read once, since a getter may answer otherwise the next time. A name that would be
 * ignored silently, because it is misspelled or belongs to another call, is an error instead.
 */
export function taken(name: string, options: unknown, known: readonly string[]): Record<string, unknown> {
  checkObject(name, options);
  const wrong = wrongName(name, options, known);
  if (wrong !== undefined) throw typeError(wrong);
  const all: Record<string, unknown> = {};
  for (const key of known) {
    const value = options[key];
    if (value !== undefined) all[key] = value;
  }
  return all;
}

/** For an option, which may be left out. */
function checkBoolean(name: string, value: unknown): void {
  if (value !== undefined) checkFlag(name, value);
}

export function checkFlag(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw typeError(`${name} is ${shown(value)}; expected a boolean.`);
}

const optionNames = ['boost', 'guardian', 'onParentDeath', 'mark', 'cgroup'] as const;

/** The parts of the one object that the constructor was given. */
export function checkedInit(given: object): {
  mode: unknown;
  pids: Iterable<number>;
  options: unknown;
} {
  const { mode = FreezeMode.None, pids = [], ...options } = taken('options', given, ['mode', 'pids', ...optionNames]);
  checkPids(pids);
  return { mode, pids, options };
}

/** The two ways of giving options do not mix: arguments after the one object would be ignored. */
export function checkAlone(pid: unknown, options: unknown): void {
  if (pid === undefined && options === undefined) return;
  throw typeError(
    'The first argument is an object, and another argument follows it; expected all in one object: { mode, pids, … }.',
  );
}

export function checkedOptions(given: unknown, mode: FreezeMode): FreezeOptions {
  const options = taken('options', given, optionNames);
  checkBoolean('options.boost', options['boost']);
  checkBoolean('options.guardian', options['guardian']);
  checkOnParentDeath(options);
  if (options['cgroup'] !== undefined) options['cgroup'] = checkedCgroup(options['cgroup'], mode);
  return options;
}

function checkOnParentDeath({ onParentDeath, mark, guardian }: Record<string, unknown>): void {
  if (onParentDeath !== undefined && onParentDeath !== 'thaw' && onParentDeath !== 'kill') {
    throw invalidValue(`options.onParentDeath is ${shown(onParentDeath)}; expected "thaw" or "kill".`);
  }
  const isKill = onParentDeath === 'kill';
  if (isKill && guardian === false) {
    throw invalidValue(
      "options.onParentDeath is 'kill', which the guardian does, and options.guardian is false; leave out one of them.",
    );
  }
  if (mark === undefined) return;
  if (typeof mark !== 'string' || !/^[\w.-]{1,55}$/.test(mark)) {
    throw invalidValue(`options.mark is ${shown(mark)}; expected 1 to 55 characters of A-Z, a-z, 0-9, _, . and -.`);
  }
  if (!isKill) throw invalidValue("options.mark is for onParentDeath: 'kill'; leave it out, or set that.");
}

function checkedCgroup(given: unknown, mode: FreezeMode): Record<string, unknown> {
  checkObject('options.cgroup', given);
  if (mode !== FreezeMode.Cgroup) {
    throw typeError(`options.cgroup is for mode 'cgroup'; the mode is ${shown(mode)}.`);
  }
  const cgroup = taken('options.cgroup', given, ['path', 'parent']);
  const { path, parent } = cgroup;
  if ((path === undefined) === (parent === undefined)) {
    throw typeError('options.cgroup has both a path and a parent, or neither; expected one of them.');
  }
  const [name, directory] = path === undefined ? ['parent', parent] : ['path', path];
  if (typeof directory !== 'string' || !isAbsolute(directory) || directory.includes('\0')) {
    const message = `options.cgroup.${name} is ${shown(directory)}; expected the absolute path of a directory.`;
    throw below(coded(new TypeError(message), 'ERR_INVALID_ARG_VALUE'));
  }
  return cgroup;
}

export function checkPids(pids: unknown): asserts pids is Iterable<number> {
  if (typeof pids !== 'object' || pids === null || !(Symbol.iterator in pids)) {
    throw typeError(`pids is ${shown(pids)}; expected an array, or another iterable, of pids.`);
  }
}

/** The pids, up to the first invalid one: registering them fails there, and an iterable of such values may be endless. */
export function listOfPids(pids: Iterable<number>): number[] {
  const list: number[] = [];
  for (const pid of pids) {
    list.push(pid);
    if (!Number.isInteger(pid) || pid < 2) break;
  }
  return list;
}

function checkedSnapshot(name: string, value: unknown): FreezeSnapshot {
  checkObject(name, value);
  const { epoch, isFrozen } = value;
  if (!Number.isSafeInteger(epoch) || (epoch as number) < 0 || typeof isFrozen !== 'boolean') {
    throw typeError(`${name} is not a snapshot; expected { epoch, isFrozen }, as snapshot() gives.`);
  }
  return { epoch: epoch as number, isFrozen };
}

export function checkHandle(handle: unknown): asserts handle is FreezeHandle {
  checkObject('handle', handle);
  const { type, process, id } = handle;
  if (type !== 'FreezeHandle' || typeof process !== 'string' || !Number.isSafeInteger(id)) {
    throw typeError('handle is not a FreezeHandle; expected what share() gives, or a structured clone of it.');
  }
}

/** Blocking the main thread without a limit would stop the emulator itself. */
export function checkMayBlock(isMainThread: boolean, timeout: unknown): void {
  if (!isMainThread || timeout !== undefined) return;
  const message = 'On the main thread waitForStateChangeSync needs options.timeout; or await waitForStateChange().';
  throw below(coded(new TypeError(message), 'ERR_INVALID_ARG_VALUE'));
}

const longestTimeout = 2 ** 31 - 1;

/** @param other what may be given instead. */
export function checkedMilliseconds(name: string, value: unknown, other?: string): number {
  if (typeof value !== 'number') throw typeError(`${name} is ${shown(value)}; expected milliseconds.`);
  if (!(value >= 0 && value <= longestTimeout)) {
    const or = other === undefined ? '' : `, or ${other}`;
    const message = `${name} is ${value}; expected milliseconds from 0 to 2^31-1${or}.`;
    throw below(coded(new RangeError(message), 'ERR_OUT_OF_RANGE'));
  }
  return value;
}

const longestSpin = 1_000_000;

function checkMicroseconds(name: string, value: unknown): void {
  if (typeof value !== 'number') throw typeError(`${name} is ${shown(value)}; expected microseconds.`);
  if (value >= 0 && value <= longestSpin) return;
  const message = `${name} is ${value}; expected microseconds from 0 to ${longestSpin}.`;
  throw below(coded(new RangeError(message), 'ERR_OUT_OF_RANGE'));
}

export function checkedSignal(name: string, value: unknown): AbortSignal {
  if (!(value instanceof AbortSignal)) throw typeError(`${name} is ${shown(value)}; expected an AbortSignal.`);
  return value;
}

/**
 * @param known the options that the call takes.
 * @param without what leaving out the timeout means.
 */
export function checkedWaitOptions(
  given: unknown,
  known: readonly (keyof WaitOptions | keyof WaitSyncOptions)[] = ['since', 'timeout', 'signal', 'ref'],
  without = 'to wait for ever',
): WaitOptions & WaitSyncOptions {
  const options = taken('options', given, known);
  const { since, timeout, spin, signal } = options;
  if (since !== undefined) options['since'] = checkedSnapshot('options.since', since);
  if (timeout !== undefined) checkedMilliseconds('options.timeout', timeout, `none ${without}`);
  if (spin !== undefined) checkMicroseconds('options.spin', spin);
  if (signal !== undefined) checkedSignal('options.signal', signal);
  checkBoolean('options.ref', options['ref']);
  return options;
}

export function checkedConfirmOptions(options: unknown): ConfirmOptions {
  return checkedWaitOptions(options, ['timeout', 'signal'], 'for the default');
}

export function checkedRegisterOptions(given: unknown): RegisterOptions {
  const options = taken('options', given, ['joins']);
  checkBoolean('options.joins', options['joins']);
  return options;
}

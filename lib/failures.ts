import { constants } from 'node:os';
import { cgroupError, explanation, isCgroupFailure, reasonNoCgroup } from './cgroup-failures';
import { type AnyFreezeError, FreezeClosedError, MultipleFreezeError, ResourceExhaustedError } from './errors';
import type { NativeFailure } from './native';
import { exhaustion, processError, whyUnsupported } from './process-failures';
import { capitalized } from './show';
import { answerOf, causedBy } from './system-answer';
import type { ModeCapability } from './types';

/** In what state a failed operation leaves the process; ends the message, once. */
const aftermaths = {
  FreezeState: 'No state was made.',
  confirmFreezeAtEpoch: 'This freeze left no process stopped.',
  freezeAtEpoch: 'This freeze left no process stopped.',
  unfreeze: 'Every other process runs; the next unfreeze() tries this one once more.',
  registerPid: 'It was not registered.',
  registerPids: 'None was registered.',
  unregisterPid: 'It stays registered.',
  hold: 'Every other process runs; nothing is held, and the next hold() or unfreeze() tries this one once more.',
  close: 'Every other process runs, and the state is closed.',
} as const;

/** An operation that can fail for a process. */
export type Operation = keyof typeof aftermaths;

/** The same in mode `cgroup`, where a group fails instead of one process among others. */
const cgroupAftermaths: Record<Operation, string> = {
  ...aftermaths,
  unfreeze: 'What is in it stays frozen; the next unfreeze() tries it once more.',
  hold: 'What is in it stays frozen, and nothing is held; the next hold() or unfreeze() tries it once more.',
  close: 'The state is closed; what could not be moved out stays where it is.',
};

/** The same where a foreign process or another state holds it frozen: there is nothing left for us to do. */
const frozenAftermaths: Record<Operation, string> = {
  ...aftermaths,
  freezeAtEpoch: 'The state is not frozen.',
  confirmFreezeAtEpoch: 'The state is not frozen.',
  unfreeze: 'The state is not frozen.',
  hold: 'The state is not frozen, and nothing is held.',
  close: 'The state is closed.',
};

/** Makes the error of an operation from the core's failures. `argument` is the pid that was given to it. */
export function errorOf(failures: readonly NativeFailure[], operation: Operation, argument?: unknown): AnyFreezeError {
  const stuck = failures.filter(({ isStopped, pid }) => isStopped && pid > 0).map(({ pid }) => pid);
  const aftermath = aftermathOf(operation, stuck, failures);
  const [only] = failures;
  if (only === undefined) throw new Error('freeze-state: a failure without a reason; please report this');
  if (failures.length === 1) return single(only, operation, argument, ` ${aftermath}`);
  const errors = failures.map((failure) => single(failure, operation, argument, ''));
  const lines = errors.map(({ message }) => `  ${message}`);
  // The failure of a control group is about no process.
  const what = failures.every(({ pid }) => pid > 0) ? 'processes failed' : 'failures';
  return new MultipleFreezeError([`${operation}: ${errors.length} ${what}.`, ...lines, aftermath].join('\n'), errors);
}

/** @param stuck the processes that could not be continued. */
function aftermathOf(operation: Operation, stuck: readonly number[], failures: readonly NativeFailure[]): string {
  const isOfFrozen = failures.some(({ code }) => code === 'CgroupFrozen');
  // What has a path is about a control group, whatever the code.
  const isOfCgroup = failures.some(({ code, path }) => isCgroupFailure(code) || path !== '');
  const plain = isOfFrozen ? frozenAftermaths : isOfCgroup ? cgroupAftermaths : aftermaths;
  const group = failures.find(({ isStopped, pid, path }) => isStopped && pid === 0 && path !== '');
  if (operation === 'close' && group !== undefined) {
    const { path } = group;
    return `The state is closed. What is left in ${path} stays frozen; \`echo 0 > ${path}/cgroup.freeze\` thaws it.`;
  }
  if (stuck.length === 0) return plain[operation];
  const still = `Still stopped: ${stuck.join(', ')}. Run \`kill -CONT ${stuck.join(' ')}\` as a user who may.`;
  return operation === 'freezeAtEpoch' || operation === 'confirmFreezeAtEpoch'
    ? `${still} The next unfreeze() tries it again; every other process runs.`
    : `${still} ${plain[operation]}`;
}

function single(failure: NativeFailure, operation: Operation, argument: unknown, aftermath: string): AnyFreezeError {
  const { code } = failure;
  if (code === 'Closed') return closedError();
  if (isCgroupFailure(code)) return cgroupError(code, failure, operation, aftermath);
  return processError(code, failure, operation, argument, aftermath);
}

export function closedError(message = 'This FreezeState was closed, by some thread or at exit.'): FreezeClosedError {
  return new FreezeClosedError(`${message} Make a new one.`);
}

/** Node could not make a thread-safe function (napi_create_threadsafe_function). */
export function noWakeUp(): ResourceExhaustedError {
  return new ResourceExhaustedError(
    'waitForStateChange: out of memory for the function that wakes this thread. Wait on fewer states at once.',
    answerOf(constants.errno.ENOMEM, 'napi_create_threadsafe_function'),
    causedBy(constants.errno.ENOMEM, 'napi_create_threadsafe_function'),
  );
}

/** Why a mode cannot work here, and what to do about it. */
export function unavailable(failure: NativeFailure): Omit<Required<ModeCapability>, 'available'> {
  const { code } = failure;
  if (isCgroupFailure(code)) {
    const [why, remedy] = explanation(code, failure);
    return { code: reasonNoCgroup(code), reason: capitalized(why), remedy: capitalized(remedy) };
  }
  if (code === 'ResourceExhausted') {
    const [why, remedy] = exhaustion(failure);
    return { code: 'resource-exhausted', reason: `It could not be found out: ${why}`, remedy };
  }
  const remedy =
    process.platform === 'linux'
      ? 'Mount it: `mount -t proc proc /proc`.'
      : "Run the emulator on Linux, or in mode 'none'.";
  return { code: 'unsupported-platform', reason: capitalized(whyUnsupported()), remedy };
}

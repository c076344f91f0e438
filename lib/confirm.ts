import { debuglog } from 'node:util';
import { clock } from './clock';
import { NotStoppedError } from './errors';
import { closedError, errorOf } from './failures';
import { type ConfirmationProgress, type NativeFailure, outcomeNames, progressOf, type StateHandle } from './native';
import { noteRollBack } from './roll-backs';
import { shown } from './show';
import { below, type Callers, calledBy, callersOf } from './stack';
import {
  type ConfirmOptions,
  FreezeMode,
  type FreezeReport,
  type FrozenReport,
  type MemberOutcome,
  type NotFrozenReport,
  type UnstoppedProcess,
} from './types';
import { epochOf } from './word';

/**
 * Microseconds that a step takes before this thread turns to other work; the last piece of work in it may take some
 * twenty more, and one that has found nothing new for some time sleeps for 20 to 50 at its end. The first step is
 * shorter, since the call has more to do besides.
 */
const firstSlice = 20;
const slice = 40;

/** For so many milliseconds it takes a step in each turn of the event loop, although all steps are blocked. */
const patience = 2;

const defaultTimeout = 1000;

/** Of this thread's confirmations. */
let lastId = 0;

/**
 * Whether to note who calls, for the stack of an error that is made after an `await`: only once there was such an error in this
 * thread. To note it takes some 10 µs, a tenth of a confirmation of a small sandbox. Without it the stack has the functions
 * that await the promise, which V8 knows anyway.
 */
let isNotingCallers = debuglog('freeze-state').enabled;

/**
 * Freezes, and waits until every live member has stopped. The first step is taken at once, since a sleeper takes microseconds;
 * the next ones once in a turn of the event loop. When there is nothing to do but to check again, a step is taken every
 * millisecond, since a busy member may need this very processor.
 *
 * @param changed is called after each change that this makes to the state.
 */
export async function confirm(
  handle: StateHandle,
  epoch: number,
  { timeout = defaultTimeout, signal }: ConfirmOptions,
  changed: () => void,
): Promise<FreezeReport> {
  signal?.throwIfAborted();
  lastId += 1;
  const id = lastId;
  let answer = handle.stepConfirmation(id, epoch, firstSlice);
  if (hasFailed(answer)) {
    // The freeze was rolled back, which moved the epoch on if the state was frozen. A step at an epoch that has passed
    // already fails only where the state is closed, and then no epoch has passed.
    changed();
    throw below(failure(answer, isPast(handle, epoch)));
  }
  let step = progressOf(answer);
  if (step.stage === 'passed') return notFrozen(handle, epoch, 'stale');
  // From here on, since most confirmations of few processes are almost over now, and to take the time takes a microsecond.
  const start = clock.now();
  let lastProgress = start;
  let callers: Callers | undefined;
  let isEnded = false;
  const called = <E extends Error>(error: E): E => {
    isNotingCallers = true;
    return calledBy(error, callers ?? callersOf(confirm));
  };
  try {
    let isFrozen = hasFrozen(step);
    if (isFrozen) changed();

    for (let now = start; !isOver(step); now = clock.now()) {
      if (signal?.aborted || now - start >= timeout) break;
      if (!step.isBlocked) lastProgress = now;
      if (isNotingCallers) callers ??= callersOf();
      await (now - lastProgress < patience ? clock.nextTurn() : clock.sleep(1));
      answer = handle.stepConfirmation(id, epoch, slice);
      if (hasFailed(answer)) {
        changed();
        // A step fails only while the epoch is current, so if it has passed now, the step has rolled the freeze back; or
        // another thread has thawed in between.
        throw called(failure(answer, isPast(handle, epoch)));
      }
      step = progressOf(answer);
      if (!isFrozen && hasFrozen(step)) changed();
      isFrozen = hasFrozen(step);
    }
    // The abort may have come just when the last member stopped.
    if (signal?.aborted) {
      const cause = rollBack(handle, id, true, changed);
      if (cause !== false) noteRollBack(signal);
      throw cause instanceof Error ? called(cause) : signal.reason;
    }
    if (!isOver(step)) {
      const processes = handle.confirmationPending(id) ?? [];
      const isInProgress = !isFrozen && !step.isBlocked;
      const cause = rollBack(handle, id, false, changed);
      if (cause !== false) {
        const error = notStopped(processes, isInProgress, timeout, cause);
        noteRollBack(error);
        throw called(error);
      }
    }
    const report = step.stage === 'stopped' ? reportOf(handle, id, epoch) : undefined;
    if (report !== undefined) {
      isEnded = true;
      return report;
    }
    if (handle.word() === undefined) throw called(closedError());
    return notFrozen(handle, epoch, 'thawed');
  } catch (error) {
    // For what nobody expects, such as a getter of the signal that throws: nothing stays stopped (G4). Else it was done.
    const cause = rollBack(handle, id, true, changed);
    if (cause !== false && error instanceof Error) {
      noteRollBack(error);
      if (cause !== undefined) error.cause ??= cause;
    }
    throw error;
  } finally {
    if (!isEnded) handle.endConfirmation(id);
  }
}

function hasFailed(answer: number | NativeFailure[]): answer is NativeFailure[] {
  return typeof answer !== 'number';
}

function hasFrozen({ stage }: ConfirmationProgress): boolean {
  return stage === 'stopping' || stage === 'stopped';
}

function isOver({ stage }: ConfirmationProgress): boolean {
  return stage === 'stopped' || stage === 'passed';
}

/** @param isRolledBack whether the step has moved the epoch on. */
function failure(failures: readonly NativeFailure[], isRolledBack: boolean): Error {
  const error = errorOf(failures, 'confirmFreezeAtEpoch');
  if (isRolledBack) noteRollBack(error);
  return error;
}

/** `false`: nothing to do, or a thaw came first. An error: some members could not be continued. */
function rollBack(handle: StateHandle, id: number, onlyOwn: boolean, changed: () => void): Error | undefined | false {
  const thawed = handle.rollBackConfirmation(id, onlyOwn);
  if (thawed === false) return false;
  changed();
  return Array.isArray(thawed) ? errorOf(thawed, 'confirmFreezeAtEpoch') : undefined;
}

/** Whether the epoch has passed: thaws move it on, and nothing moves it back. */
function isPast(handle: StateHandle, epoch: number): boolean {
  const word = handle.word();
  return word !== undefined && epochOf(word) !== epoch;
}

/** @param reason why, where the epoch has passed. */
function notFrozen(handle: StateHandle, epoch: number, reason: 'stale' | 'thawed'): NotFrozenReport {
  if (handle.mode() === FreezeMode.None) return { isFrozen: false, epoch, reason: 'mode-none' };
  // While the epoch has not passed, only a hold keeps the state from being frozen.
  return { isFrozen: false, epoch, reason: isPast(handle, epoch) ? reason : 'held' };
}

/** What native code writes a report to: the same for all, since to make an array takes longer. It grows with the need. */
let numbers = new Float64Array(64);

/** The report of a confirmation that has seen all stopped, and its end; `undefined` where the epoch has passed since. */
function reportOf(handle: StateHandle, id: number, epoch: number): FrozenReport | undefined {
  let length = handle.confirmationReport(id, numbers);
  while (length !== undefined && length > numbers.length) {
    numbers = new Float64Array(2 * length);
    length = handle.confirmationReport(id, numbers);
  }
  if (length === undefined) return undefined;
  const members: MemberOutcome[] = [];
  for (let i = 2; i < length; i += 2) {
    const outcome = outcomeNames[numbers[i + 1] as number] as MemberOutcome['outcome'];
    members.push({ pid: numbers[i] as number, outcome });
  }
  // Not by destructuring, which would iterate.
  return { isFrozen: true, epoch, members, signaledNs: numbers[0] as number, stoppedNs: numbers[1] as number };
}

/** @param isInProgress whether there was work left at the deadline; if not, it only waited for the processes. */
function notStopped(
  processes: readonly UnstoppedProcess[],
  isInProgress: boolean,
  timeout: number,
  cause: Error | undefined,
): NotStoppedError {
  const message = isInProgress
    ? `The freeze was not complete after ${timeout} ms, so it was rolled back. Many members, or a large tree, take ` +
      '50 µs to 1 ms for each process: allow more time.'
    : `${subject(processes)} signalled and did not stop within ${timeout} ms, so the freeze was rolled back. A process ` +
      'does not stop while it is in vfork(2) or in an uninterruptible system call (state D), while a foreign process has frozen ' +
      'its control group, or while it gets no processor. Where /proc hides processes (hidepid), nothing can tell whether a ' +
      `group has stopped. See \`ps -o pid,stat,wchan -p ${processes.map(({ pid }) => pid).join(',')}\`.`;
  return new NotStoppedError(message, { timeout, processes }, cause === undefined ? {} : { cause });
}

/** The message names so many processes at most; the error has them all. */
const shownProcesses = 5;

function subject(processes: readonly UnstoppedProcess[]): string {
  const [only] = processes;
  if (processes.length === 1 && only !== undefined) return `Process ${described(only)} was`;
  const more = processes.length - shownProcesses;
  const some = processes.slice(0, shownProcesses).map(described).join(', ');
  return `Processes ${some}${more > 0 ? ` and ${more} more` : ''} were`;
}

/** The pid and, in brackets, what is known: `4711 ("python3", D in kernel_clone, waits in vfork)`. */
function described({ pid, name, state, waitChannel, isInVfork }: UnstoppedProcess): string {
  const parts = [
    ...(name === undefined ? [] : [shown(name)]),
    ...(state === undefined ? [] : [waitChannel === undefined ? `state ${state}` : `${state} in ${waitChannel}`]),
    ...(isInVfork ? ['waits in vfork'] : []),
  ];
  return parts.length === 0 ? String(pid) : `${pid} (${parts.join(', ')})`;
}

import { setImmediate, setTimeout } from 'node:timers/promises';
import { FreezeTimeoutError } from './errors';
import { closedError, errorOf } from './failures';
import { type ConfirmationHandle, type ConfirmationStage, outcomeNames, type StateHandle } from './native';
import { below, type Callee, calledBy, callersOf } from './stack';
import type { ConfirmOptions, FreezeReport, MemberOutcome } from './types';

/**
 * Microseconds for which this thread gets on with it, before it lets others run; the last piece of work in them may take
 * some twenty more. The first time there is more to do besides.
 */
const firstSlice = 20;
const slice = 40;

/** Milliseconds for which it comes back in each turn of the event loop, whether there is anything to do or not. */
const patience = 2;

const defaultTimeout = 1000;

/**
 * Freezes, and waits until every live member has stopped: first at once, since a sleeper takes microseconds; then once a
 * turn of the event loop; then, where there is nothing to do but to look again, every millisecond, since a busy member may
 * need this very processor.
 *
 * @param changed is called after each change of the state that this makes.
 * @param callee the public function that was called: the stacks of errors start below it.
 */
export async function confirm(
  handle: StateHandle,
  epoch: number,
  { timeout = defaultTimeout, signal }: ConfirmOptions,
  changed: () => void,
  callee: Callee,
): Promise<FreezeReport> {
  signal?.throwIfAborted();
  const start = performance.now();
  const confirmation = handle.confirm(epoch);
  let stage = confirmation.step(firstSlice);
  if (Array.isArray(stage)) throw below(errorOf(stage, 'confirmFreezeAtEpoch'), callee);
  if (stage === 'passed') return notFrozen(epoch);
  // Later errors are made when nothing of the caller is on the stack.
  const callers = callersOf(callee);
  let isFrozen = hasFrozen(stage);
  if (isFrozen) changed();

  while (stage !== 'stopped' && stage !== 'passed') {
    const elapsed = performance.now() - start;
    if (signal?.aborted || elapsed >= timeout) break;
    await (elapsed < patience || !confirmation.isIdle() ? setImmediate() : setTimeout(1));
    stage = confirmation.step(slice);
    if (Array.isArray(stage)) throw calledBy(errorOf(stage, 'confirmFreezeAtEpoch'), callers);
    if (!isFrozen && hasFrozen(stage)) changed();
    isFrozen = hasFrozen(stage);
  }
  // It may have come just when the last member stopped.
  if (signal?.aborted) {
    const cause = rollBack(confirmation, true, changed);
    throw cause instanceof Error ? calledBy(cause, callers) : signal.reason;
  }
  if (stage !== 'stopped' && stage !== 'passed') {
    const pids = confirmation.unstopped() ?? [];
    const cause = rollBack(confirmation, false, changed);
    if (cause !== false) throw calledBy(timedOut(pids, timeout, cause), callers);
  }
  const report = confirmation.report();
  if (report !== undefined) {
    const { signalledNs, stoppedNs } = report;
    return { frozen: true, epoch, members: membersOf(report.outcomes), signalledNs, stoppedNs };
  }
  if (handle.word() === undefined) throw calledBy(closedError(), callers);
  return notFrozen(epoch);
}

function hasFrozen(stage: ConfirmationStage): boolean {
  return stage === 'stopping' || stage === 'stopped';
}

/** `false`: nothing to do, or somebody else thawed first. An error: for members that refuse to be continued. */
function rollBack(confirmation: ConfirmationHandle, onlyOwn: boolean, changed: () => void): Error | undefined | false {
  const thawed = confirmation.rollBack(onlyOwn);
  if (thawed === false) return false;
  changed();
  return Array.isArray(thawed) ? errorOf(thawed, 'confirmFreezeAtEpoch') : undefined;
}

function notFrozen(epoch: number): FreezeReport {
  return { frozen: false, epoch, members: [], signalledNs: 0, stoppedNs: 0 };
}

function membersOf(outcomes: Int32Array): MemberOutcome[] {
  return Array.from({ length: outcomes.length / 2 }, (_, i) => ({
    pid: Number(outcomes[2 * i]),
    outcome: outcomeNames[Number(outcomes[2 * i + 1])] as MemberOutcome['outcome'],
  }));
}

function timedOut(pids: readonly number[], timeout: number, cause: Error | undefined): FreezeTimeoutError {
  const who =
    pids.length === 0
      ? 'Every process that was found was signalled, and more were to be looked for, when'
      : `${pids.length === 1 ? `Process ${pids[0]} was` : `Processes ${pids.join(', ')} were`} signalled and did not stop within`;
  const error = new FreezeTimeoutError(
    `${who} ${timeout} ms, so the freeze was rolled back. A process does not stop while ` +
      'it is in vfork(2) or in an uninterruptible system call (state D), and not while it gets no processor; and where /proc hides ' +
      'processes (hidepid) nobody can say that a group has. See ' +
      `\`ps -o pid,stat,wchan -p ${pids.join(',')}\`.`,
    timeout,
    pids,
  );
  if (cause !== undefined) error.cause = cause;
  return error;
}

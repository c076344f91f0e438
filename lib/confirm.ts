import { setImmediate, setTimeout } from 'node:timers/promises';
import { FreezeTimeoutError } from './errors';
import { closedError, errorOf } from './failures';
import type { StateHandle } from './native';
import { below, type Callee, calledBy, callersOf } from './stack';
import type { ConfirmOptions, FreezeReport, MemberOutcome } from './types';

/** Microseconds for which this thread looks whether the members have stopped, before it lets others run. */
const firstLook = 60;
const laterLook = 50;

/** Nanoseconds for which it comes back in each turn of the event loop. */
const patience = 2e6;

const defaultTimeout = 1000;

/**
 * Freezes, and waits until every live member has stopped: first by looking, since a sleeper takes microseconds; then once
 * a turn of the event loop; then every millisecond, since a busy member may need this very processor.
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
  const callers = callersOf(callee);
  const start = process.hrtime.bigint();
  const begun = handle.beginConfirm(epoch);
  if (Array.isArray(begun)) throw below(errorOf(begun, 'confirmFreezeAtEpoch'), callee);
  if (begun === false) return notFrozen(epoch);
  const signalledNs = nanosecondsSince(start);
  changed();

  let left = handle.unstopped(epoch, firstLook);
  while (left !== undefined && left.length > 0) {
    const isLate = nanosecondsSince(start) - signalledNs >= timeout * 1e6;
    if (isLate || signal?.aborted) {
      const thawed = handle.unfreezeFrom(epoch);
      if (thawed === false) break; // somebody else thawed first
      changed();
      const cause = Array.isArray(thawed) ? errorOf(thawed, 'confirmFreezeAtEpoch') : undefined;
      if (signal?.aborted) throw cause === undefined ? signal.reason : calledBy(cause, callers);
      throw calledBy(timedOut(left, timeout, cause), callers);
    }
    await (nanosecondsSince(start) - signalledNs < patience ? setImmediate() : setTimeout(1));
    left = handle.unstopped(epoch, laterLook);
  }
  const stoppedNs = nanosecondsSince(start);
  const outcomes = handle.outcomes(epoch);
  if (outcomes !== undefined) {
    return { frozen: true, epoch, members: membersOf(begun.roster, outcomes), signalledNs, stoppedNs };
  }
  if (handle.word() === undefined) throw calledBy(closedError(), callers);
  return notFrozen(epoch);
}

function notFrozen(epoch: number): FreezeReport {
  return { frozen: false, epoch, members: [], signalledNs: 0, stoppedNs: 0 };
}

function nanosecondsSince(start: bigint): number {
  return Number(process.hrtime.bigint() - start);
}

/** Those that were registered first; what the freeze did not find any more is gone. Then what came with them. */
function membersOf(roster: readonly number[], outcomes: readonly MemberOutcome[]): MemberOutcome[] {
  const byPid = new Map(outcomes.map((member) => [member.pid, member]));
  const registered = roster.map((pid): MemberOutcome => byPid.get(pid) ?? { pid, outcome: 'gone' });
  const isRegistered = new Set(roster);
  return [...registered, ...outcomes.filter(({ pid }) => !isRegistered.has(pid))];
}

function timedOut(pids: readonly number[], timeout: number, cause: Error | undefined): FreezeTimeoutError {
  const who = pids.length === 1 ? `Process ${pids[0]} was` : `Processes ${pids.join(', ')} were`;
  const error = new FreezeTimeoutError(
    `${who} signalled and did not stop within ${timeout} ms, so the freeze was rolled back. A process does not stop while ` +
      'it is in vfork(2) or in an uninterruptible system call (state D), and not while it gets no processor; see ' +
      `\`ps -o pid,stat,wchan -p ${pids.join(',')}\`.`,
    timeout,
    pids,
  );
  if (cause !== undefined) error.cause = cause;
  return error;
}

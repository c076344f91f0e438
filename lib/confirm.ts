import { setImmediate, setTimeout } from 'node:timers/promises';
import { FreezeTimeoutError } from './errors';
import { closedError, errorOf } from './failures';
import type { Roster, StateHandle } from './native';
import { below, type Callee, calledBy, callersOf } from './stack';
import type { ConfirmOptions, FreezeReport, MemberOutcome } from './types';

/** Microseconds for which this thread looks whether the members have stopped, before it lets others run. */
const firstLook = 40;
const laterLook = 40;

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

  let left = handle.unstopped(epoch, firstLook, false);
  while (left !== undefined && left > 0 && !signal?.aborted) {
    if (nanosecondsSince(start) - signalledNs >= timeout * 1e6) {
      const pids = handle.unstopped(epoch, 0, true) ?? [];
      const cause = rollBack(handle, epoch, changed);
      if (cause !== false) throw calledBy(timedOut(pids, timeout, cause), callers);
      break;
    }
    await (nanosecondsSince(start) - signalledNs < patience ? setImmediate() : setTimeout(1));
    left = handle.unstopped(epoch, laterLook, false);
  }
  // It may have come just when the last member stopped.
  if (signal?.aborted) {
    const cause = begun.isByUs && rollBack(handle, epoch, changed);
    throw cause instanceof Error ? calledBy(cause, callers) : signal.reason;
  }
  const stoppedNs = nanosecondsSince(start);
  const outcomes = handle.outcomes(epoch);
  if (outcomes !== undefined) {
    return { frozen: true, epoch, members: membersOf(begun, outcomes), signalledNs, stoppedNs };
  }
  if (handle.word() === undefined) throw calledBy(closedError(), callers);
  return notFrozen(epoch);
}

/** `false`: somebody else thawed first. An error: for members that refuse to be continued. */
function rollBack(handle: StateHandle, epoch: number, changed: () => void): Error | undefined | false {
  const thawed = handle.unfreezeFrom(epoch);
  if (thawed === false) return false;
  changed();
  return Array.isArray(thawed) ? errorOf(thawed, 'confirmFreezeAtEpoch') : undefined;
}

function notFrozen(epoch: number): FreezeReport {
  return { frozen: false, epoch, members: [], signalledNs: 0, stoppedNs: 0 };
}

function nanosecondsSince(start: bigint): number {
  return Number(process.hrtime.bigint() - start);
}

/**
 * Those that were registered, in their order; those among them that the freeze did not find any more are gone, and those
 * that were unregistered since are left out. Then what came with them.
 */
function membersOf({ registered, left }: Roster, outcomes: readonly MemberOutcome[]): MemberOutcome[] {
  const byPid = new Map(outcomes.map((member) => [member.pid, member]));
  const isLeft = new Set(left);
  const members: MemberOutcome[] = [];
  for (const pid of registered) {
    const member = byPid.get(pid);
    if (member !== undefined) members.push(member);
    else if (!isLeft.has(pid)) members.push({ pid, outcome: 'gone' });
    byPid.delete(pid);
  }
  return [...members, ...byPid.values()];
}

function timedOut(pids: readonly number[], timeout: number, cause: Error | undefined): FreezeTimeoutError {
  const who = pids.length === 1 ? `Process ${pids[0]} was` : `Processes ${pids.join(', ')} were`;
  const error = new FreezeTimeoutError(
    `${who} signalled and did not stop within ${timeout} ms, so the freeze was rolled back. A process does not stop while ` +
      'it is in vfork(2) or in an uninterruptible system call (state D), and not while it gets no processor; and where /proc hides ' +
      'processes (hidepid) nobody can say that a group has. See ' +
      `\`ps -o pid,stat,wchan -p ${pids.join(',')}\`.`,
    timeout,
    pids,
  );
  if (cause !== undefined) error.cause = cause;
  return error;
}

import { checkedWaitOptions, checkPids, listOfPids } from './arguments';
import { clock } from './clock';
import { FreezeTimeoutError, InvalidPidError } from './errors';
import { native } from './native';
import { isZombie, statOf } from './proc-stat';
import { shown } from './show';
import { below } from './stack';

/** The longest pause between two polls, in milliseconds, where the system cannot tell of an exit. */
const longestPause = 20;

export function exitsOf(pids: Iterable<number>, options: unknown): Promise<void> {
  checkPids(pids);
  const list = listOfPids(pids);
  for (const pid of list) if (!isOfAnother(pid)) throw below(new InvalidPidError(whyNot(pid), pid));
  const { timeout, signal } = checkedWaitOptions(options, ['timeout', 'signal']);
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      watch.stop();
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    const watch = native.watchExits(list, () => end(resolve)) ?? poll(list, () => end(resolve));
    const onAbort = (): void => end(() => reject(signal?.reason));
    const late = timeout === undefined ? undefined : below(new FreezeTimeoutError(notExited(timeout), timeout));
    const timer = late && clock.setTimeout(() => end(() => reject(late)), timeout);
    signal?.addEventListener('abort', onAbort);
  });
}

function isOfAnother(pid: unknown): boolean {
  return typeof pid === 'number' && Number.isInteger(pid) && pid > 1 && pid < 2 ** 31 && pid !== process.pid;
}

function whyNot(pid: unknown): string {
  if (pid === process.pid) return `${pid} is this process itself, whose exit it cannot wait for; expected other pids.`;
  return `${shown(pid)} is not a pid; expected integers from 2 to 2^31-1.`;
}

function notExited(timeout: number): string {
  return `Within ${timeout} ms not all of the processes exited.`;
}

/** Polls: before Linux 5.3, and if descriptors run out. */
function poll(pids: readonly number[], allGone: () => void): { stop(): void } {
  let left: Polled[] = pids.map((pid) => ({ pid, start: startOf(pid) })).filter(({ start }) => start !== undefined);
  let timer: NodeJS.Timeout;
  const check = (pause: number): void => {
    left = left.filter(livesOn);
    if (left.length === 0) allGone();
    else timer = clock.setTimeout(check, pause, Math.min(2 * pause, longestPause));
  };
  timer = clock.setTimeout(check, 0, 1);
  return { stop: () => clock.clearTimeout(timer) };
}

interface Polled {
  readonly pid: number;
  start: number | 'not told' | undefined;
}

/** If its start cannot be read at one time, for example for lack of a descriptor, it is not taken for another process. */
function livesOn(one: Polled): boolean {
  const now = startOf(one.pid);
  if (one.start === 'not told') one.start = now;
  return now !== undefined && (now === 'not told' || now === one.start);
}

/** What tells the process from a later one with its pid; `undefined` if none lives. A zombie does not live. */
function startOf(pid: number): number | 'not told' | undefined {
  const stat = statOf(pid);
  if (stat === undefined) return hasProcess(pid) ? 'not told' : undefined;
  return isZombie(stat) ? undefined : stat.start;
}

/** For where there is no /proc of ours, or it hides the process. A zombie counts as living then. */
function hasProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { clock } from '../clock';
import { isProcOurs, isZombie, type ProcessStat, read, statOf } from '../proc-stat';

/**
 * By the tag in this variable a process is found whose parents have exited: no mode but `cgroup` knows it then, and that one
 * only if it was moved in before it started others.
 */
export const tagName = 'FREEZE_STATE_SANDBOX';

/** A process that /proc shows; or a child of which only Node tells, and then its start time is 0. */
export interface Process extends Omit<ProcessStat, 'name'>, Partial<Pick<ProcessStat, 'name'>> {
  /** Of the sandboxes that it was started in, one inside the other. A plain user sees none of another user's process. */
  readonly tags?: readonly string[];
}

/** What /proc shows at one time. */
export interface Look {
  readonly living: readonly Process[];
  /** The living and the zombies. */
  readonly known: ReadonlyMap<number, Process>;
  /** Pids whose processes have exited, or whose tags cannot be read now: what is ours among them, and what that has started, is missing. */
  readonly unsure: readonly number[];
  /** False where /proc cannot be listed, for lack of descriptors for example. */
  readonly isListed: boolean;
}

/** Milliseconds for which a process that cannot have a tag is taken to live, and a zombie to be one: no other one gets its pid so soon. */
const recent = 100;

/**
 * Nothing where there is no /proc of ours.
 *
 * @param since the start time of the first process that can have a tag.
 * @param before a look not longer ago than `recent`: what is older than `since`, and a zombie, is taken from there. So a new process
 *   is read at once after it was listed, and seldom exits in between.
 */
export function lookAround(since: number, before?: Look): Look {
  const living: Process[] = [];
  const known = new Map<number, Process>();
  const unsure: number[] = [];
  const pids = listed();
  // From the highest pid down, the newest.
  for (const pid of pids?.reverse() ?? []) {
    const old = before?.known.get(pid);
    const isSame = old !== undefined && (old.start < since || isZombie(old));
    const found = isSame ? old : processOf(pid, since);
    if (found === 'unsure') unsure.push(pid);
    if (typeof found === 'string') continue;
    known.set(pid, found);
    if (!isZombie(found)) living.push(found);
    else if (found.start >= since) unsure.push(pid);
  }
  return { living: living.reverse(), known, unsure, isListed: pids !== undefined };
}

let next: Promise<Look> | undefined;
let nextSince = Number.POSITIVE_INFINITY;
let last: { readonly look: Look; readonly time: number } | undefined;

/** What /proc shows in the next turn of the event loop: one look for all that ask until then, since many sandboxes may end at a time. */
export function lookAroundNext(since: number): Promise<Look> {
  nextSince = Math.min(nextSince, since);
  next ??= clock.nextTurn().then(() => {
    const time = clock.now();
    const before = last !== undefined && time - last.time < recent ? last.look : undefined;
    last = { look: lookAround(nextSince, before), time };
    next = undefined;
    nextSince = Number.POSITIVE_INFINITY;
    return last.look;
  });
  return next;
}

/**
 * Whether it is certain that none of ours lives, where neither look has found one.
 *
 * Processes may go on in new ones, each of which starts the next and exits. One of them lives at any time, and the next one has a
 * higher pid. So a listing, which goes by pids, has one of them, whenever that is: it is found, or it has exited before it is read.
 * What has exited and was known to the look before was not ours. Only when the pids begin at the lowest again may a listing miss them.
 */
export function isQuiet(before: Look, after: Look): boolean {
  return after.isListed && after.unsure.every((pid) => before.known.has(pid));
}

function listed(): number[] | undefined {
  if (!isProcOurs()) return [];
  try {
    const names = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return names.map(Number).sort((one, other) => one - other);
  } catch {
    return undefined;
  }
}

/** `hidden`: another user's, of which /proc has the pid only (hidepid in proc(5)). */
function processOf(pid: number, since: number): Process | 'hidden' | 'unsure' {
  const found = statOf(pid);
  try {
    // Once more, for the reason.
    if (found === undefined) readFileSync(`/proc/${pid}/stat`);
    if (found === undefined) return 'unsure';
    if (found.start < since || isZombie(found)) return found;
    let environment = environmentOf(found);
    if (environment === '' && !isWithout(pid)) return 'unsure';
    // It may have been in execve(2) the first time, and have its environment since.
    environment ||= environmentOf(found);
    const variable = environment.split('\0').find((one) => one.startsWith(`${tagName}=`));
    return { ...found, tags: variable?.slice(tagName.length + 1).split(' ') ?? [] };
  } catch (error) {
    const isDenied = ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
    return isDenied ? (found ?? 'hidden') : 'unsure';
  }
}

/** With which it was started. */
function environmentOf({ pid, state }: ProcessStat): string {
  // Where the first thread has exited, others tell.
  const files =
    state === 'Z' ? readdirSync(`/proc/${pid}/task`).map((thread) => `task/${thread}/environ`) : ['environ'];
  let environment = '';
  for (const file of files) environment ||= textOf(`/proc/${pid}/${file}`);
  return environment;
}

/** Of a task without memory, as a thread of the kernel is and one that exits, the file is empty; it cannot be opened since Linux 6.16. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return '';
    throw error;
  }
}

/**
 * Whether the process has no environment: a thread of the kernel, or a program that was started without one. If not, it is about to
 * exit, or execve(2) has dropped the old environment and the new one is not there yet.
 */
function isWithout(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`);
  // From the third field of proc_pid_stat(5) on.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [flags, end] = [Number(fields[6]), Number(fields[48])];
  // PF_KTHREAD in include/linux/sched.h.
  return (flags & 0x00200000) !== 0 || end > 0;
}

/** Whether it runs or is stopped; a zombie is over. */
export function isAlive({ pid, start }: Process): boolean {
  const now = statOf(pid);
  return now !== undefined && now.start === start && !isZombie(now);
}

/**
 * Sends a signal, unless the process is another one by now. A child that Node has reaped, and of whose exit it has not told yet,
 * has no pid any more; only where there is no /proc that is not seen.
 */
export function send({ pid, start }: Process, signal: NodeJS.Signals): void {
  // That it exists is told without a descriptor.
  const isIt = start === 0 ? existsSync(`/proc/${pid}`) : statOf(pid)?.start === start;
  if (isProcOurs() && !isIt) return;
  try {
    process.kill(pid, signal);
  } catch {
    // The process has exited in between; or it is another user's, and its end is awaited all the same.
  }
}

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { clock } from '../clock';
import { isProcOurs, isZombie, type ProcessStat, read, statOf } from '../proc-stat';

/**
 * The tag in this variable identifies a process whose parents have exited. No mode but `cgroup` covers it then, and that one only
 * if it was moved in before it started others.
 */
export const tagName = 'FREEZE_STATE_SANDBOX';

/** A process that /proc shows; or a child that only Node knows, with 0 as its start time. */
export interface Process extends Omit<ProcessStat, 'name'>, Partial<Pick<ProcessStat, 'name'>> {
  /** The tags of the sandboxes that it was started in, the outermost first. A plain user sees none of another user's process. */
  readonly tags?: readonly string[];
}

/** What /proc shows at one time. */
export interface Reading {
  readonly living: readonly Process[];
  /** The living and the zombies. */
  readonly known: ReadonlyMap<number, Process>;
  /**
   * Pids whose processes have exited, or whose tags cannot be read now. Some may be ours: these are missing, and so is what they
   * have started.
   */
  readonly unsure: readonly number[];
  /** False where /proc cannot be listed, for lack of descriptors for example. */
  readonly isListed: boolean;
}

/** For so many milliseconds a process that cannot have a tag is taken to live on, and a zombie to be one: no pid is reused so soon. */
const recent = 100;

/**
 * Reads all of /proc. Finds nothing where there is no /proc of ours.
 *
 * @param since the start time of the first process that can have a tag.
 * @param before a reading that is not older than `recent`. Processes older than `since`, and zombies, are taken from there. So a
 *   new process is read right after it was listed, and seldom exits in between.
 */
export function readTable(since: number, before?: Reading): Reading {
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

let next: Promise<Reading> | undefined;
let nextSince = Number.POSITIVE_INFINITY;
let last: { readonly reading: Reading; readonly time: number } | undefined;

/** Reads /proc in the next turn of the event loop, once for all that ask until then, since many sandboxes may end at a time. */
export function readTableNext(since: number): Promise<Reading> {
  nextSince = Math.min(nextSince, since);
  next ??= clock.nextTurn().then(() => {
    const time = clock.now();
    const before = last !== undefined && time - last.time < recent ? last.reading : undefined;
    last = { reading: readTable(nextSince, before), time };
    next = undefined;
    nextSince = Number.POSITIVE_INFINITY;
    return last.reading;
  });
  return next;
}

/**
 * Whether it is certain that none of ours lives, if neither of two readings has found one.
 *
 * A program may again and again start its next process and exit. One of its processes lives at any time, and the next one has a
 * higher pid. A listing goes by pids, so it has one of them, whenever it is made. That one is found, or has exited before it is
 * read. A process that has exited, and that the reading before has found, was not ours. Only when pids start over at the lowest
 * may a listing miss the program.
 */
export function isQuiet(before: Reading, after: Reading): boolean {
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

/** `hidden`: another user's, of which /proc shows at most the pid (hidepid in proc(5)). */
function processOf(pid: number, since: number): Process | 'hidden' | 'unsure' {
  const found = statOf(pid);
  try {
    // Read once more, for the reason.
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
    if (!isDenied || (found !== undefined && isExiting(pid))) return 'unsure';
    return found ?? 'hidden';
  }
}

/** The environment that it was started with. */
function environmentOf({ pid, state }: ProcessStat): string {
  // If the first thread has exited, another one has it.
  const files =
    state === 'Z' ? readdirSync(`/proc/${pid}/task`).map((thread) => `task/${thread}/environ`) : ['environ'];
  let environment = '';
  for (const file of files) environment ||= textOf(`/proc/${pid}/${file}`);
  return environment;
}

/** The file is empty for a task without memory: a thread of the kernel, or one that exits. Since Linux 6.16 it cannot be opened. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return '';
    throw error;
  }
}

/**
 * Whether the process has no environment, as a thread of the kernel, or a program that was started without one. If not, it is
 * about to exit, or is in execve(2), which has dropped the old environment and not set the new one yet.
 */
function isWithout(pid: number): boolean {
  const fields = fieldsOf(pid);
  const [flags, end] = [Number(fields[6]), Number(fields[48])];
  // PF_KTHREAD in include/linux/sched.h.
  return (flags & 0x00200000) !== 0 || end > 0;
}

/**
 * Whether the process exits, or has exited. Once it has given back its memory its files are root's (task_dump_owner() in the
 * kernel's fs/proc/base.c): a plain user may not read the environment of his own process any more.
 */
function isExiting(pid: number): boolean {
  const fields = fieldsOf(pid);
  const [state = '', flags] = [fields[0], Number(fields[6])];
  // PF_EXITING in include/linux/sched.h.
  return state === '' || state === 'Z' || state === 'X' || (flags & 0x4) !== 0;
}

/** Of proc_pid_stat(5), from the third on. */
function fieldsOf(pid: number): string[] {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Whether it lives, running or stopped; a zombie does not. */
export function isAlive({ pid, start }: Process): boolean {
  const now = statOf(pid);
  return now !== undefined && now.start === start && !isZombie(now);
}

/**
 * Sends a signal, unless the pid belongs to another process by now. That may be so for a child that Node has reaped, and whose
 * `exit` it has not emitted yet. Only where there is no /proc, this is not noticed.
 */
export function send({ pid, start }: Process, signal: NodeJS.Signals): void {
  // Whether it exists is seen without a descriptor.
  const isIt = start === 0 ? existsSync(`/proc/${pid}`) : statOf(pid)?.start === start;
  if (isProcOurs() && !isIt) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It has exited in between; or it is another user's, and its end is awaited nevertheless.
  }
}

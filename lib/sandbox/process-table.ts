import { readdirSync } from 'node:fs';
import { clock } from '../clock';
import { isProcOurs, isZombie, type ProcessStat, read, statOf } from '../proc-stat';

/** A process that /proc shows; or a child of which only Node tells, and then its start time is 0. */
export type Process = Omit<ProcessStat, 'name'> & Partial<Pick<ProcessStat, 'name'>>;

/** What /proc shows at one time. */
export interface Look {
  /** Zombies left out; by their pids. */
  readonly living: readonly Process[];
  /** Zombies, and pids that were listed and have gone: what these have started may be missing. */
  readonly dead: ReadonlySet<string>;
}

/** Nothing where there is no /proc of ours. */
export function lookAround(): Look {
  const living: Process[] = [];
  const dead = new Set<string>();
  // From the highest pid down, the newest: a process may have ended before its turn.
  for (const name of processDirectories().reverse()) {
    const found = statOf(Number(name));
    if (found === undefined || isZombie(found)) dead.add(`${name} ${found?.start ?? ''}`);
    else living.push(found);
  }
  return { living: living.reverse(), dead };
}

let next: Promise<Look> | undefined;

/**
 * What /proc shows in the next turn of the event loop: one reading for all that ask until then. With a thousand processes it takes
 * some 20 ms of this thread, and many sandboxes may end at a time.
 */
export function lookAroundNext(): Promise<Look> {
  next ??= clock.nextTurn().then(() => {
    next = undefined;
    return lookAround();
  });
  return next;
}

/** Whether nothing has ended between the two: what a process had started that ended may be in neither. */
export function isQuiet(before: Look, after: Look): boolean {
  return [...after.dead].every((one) => before.dead.has(one));
}

function processDirectories(): string[] {
  if (!isProcOurs()) return [];
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** Whether it runs or is stopped; a zombie is over. */
export function isAlive({ pid, start }: Process): boolean {
  const now = statOf(pid);
  return now !== undefined && now.start === start && !isZombie(now);
}

/** Of those whose environment was read already: all sandboxes ask about the same ones. */
const known = new WeakMap<Process, readonly string[]>();

/**
 * Whether the variable has the tag, in the environment that the process was started with. A plain user cannot tell of another
 * user's process.
 */
export function hasTag(process: Process, name: string, tag: string): boolean {
  const tags = known.get(process) ?? tagsOf(process, name);
  known.set(process, tags);
  return tags.includes(tag);
}

function tagsOf({ pid }: Process, name: string): readonly string[] {
  const variable = read(`/proc/${pid}/environ`)
    .split('\0')
    .find((one) => one.startsWith(`${name}=`));
  return variable?.slice(name.length + 1).split(' ') ?? [];
}

/**
 * Sends a signal, unless the process is another one by now. A child that Node has reaped, and of whose exit it has not told yet,
 * has no pid any more; only where there is no /proc that is not seen.
 */
export function send({ pid, start }: Process, signal: NodeJS.Signals): void {
  if (isProcOurs() && statOf(pid)?.start !== start) return;
  try {
    process.kill(pid, signal);
  } catch {
    // The process has exited in between; or it is another user's, and its end is awaited all the same.
  }
}

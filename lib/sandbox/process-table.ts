import { readdirSync } from 'node:fs';
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

/**
 * Whether the variable has the tag, in the environment that the process was started with. A plain user cannot tell of another
 * user's process.
 */
export function hasTag({ pid }: Process, name: string, tag: string): boolean {
  const variable = read(`/proc/${pid}/environ`)
    .split('\0')
    .find((one) => one.startsWith(`${name}=`));
  const tags = variable?.slice(name.length + 1).split(' ') ?? [];
  return tags.includes(tag);
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

import { readdirSync, readFileSync } from 'node:fs';

/** A process that /proc shows. Pid and start time together name it for good: a pid is used again. */
export interface Process {
  readonly pid: number;
  /** Ticks after the boot; 0 where there is no /proc. */
  readonly start: number;
  readonly parent: number;
  readonly group: number;
  readonly name?: string;
  /** The letter of proc_pid_stat(5). */
  readonly state: string;
}

/** What /proc shows at one time. */
export interface Look {
  /** Zombies left out; by their pids. */
  readonly living: readonly Process[];
  /** Zombies, and pids that were listed and have gone: what these have started may be missing. */
  readonly dead: ReadonlySet<string>;
}

/** Nothing where there is no /proc. */
export function lookAround(): Look {
  const living: Process[] = [];
  const dead = new Set<string>();
  // The newest first, by their pids: it may have ended before its turn.
  for (const name of processDirectories().reverse()) {
    const found = processOf(Number(name));
    if (found === undefined || isZombie(found)) dead.add(`${name} ${found?.start ?? ''}`);
    else living.push(found);
  }
  return { living: living.reverse(), dead };
}

function processDirectories(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

export function processOf(pid: number): Process | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // pid (name) state parent group ..., and the name may hold a parenthesis itself.
  const end = stat.lastIndexOf(')');
  if (end < 0) return undefined;
  const [state = '', parent, group] = stat.slice(end + 2).split(' ', 3);
  const start = Number(stat.slice(end + 2).split(' ', 20)[19]);
  return {
    pid,
    start,
    parent: Number(parent),
    group: Number(group),
    name: stat.slice(stat.indexOf('(') + 1, end),
    state,
  };
}

function isZombie({ state }: Process): boolean {
  return state === 'Z' || state === 'X';
}

/** Whether it runs or is stopped; a zombie is over. */
export function isAlive({ pid, start }: Process): boolean {
  const now = processOf(pid);
  return now !== undefined && now.start === start && !isZombie(now);
}

/** Whether the word is in that variable of the environment that it was started with. Not of another user's, as a plain user. */
export function hasInEnvironment({ pid }: Process, name: string, word: string): boolean {
  const variable = read(`/proc/${pid}/environ`)
    .split('\0')
    .find((one) => one.startsWith(`${name}=`));
  const words = variable?.slice(name.length + 1).split(' ') ?? [];
  return words.includes(word);
}

/** Sends a signal, unless the process is another one by now. */
export function send({ pid, start }: Process, signal: NodeJS.Signals): void {
  if (start !== 0 && processOf(pid)?.start !== start) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It has exited in between; or it is another user's, and is waited for all the same.
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

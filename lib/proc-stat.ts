import { readFileSync, readlinkSync } from 'node:fs';

/** A process that /proc shows. Pid and start time together name it for good: a pid is used again. */
export interface ProcessStat {
  readonly pid: number;
  /** Ticks after the boot. */
  readonly start: number;
  readonly parent: number;
  readonly group: number;
  readonly name: string;
  /** The letter of proc_pid_stat(5). */
  readonly state: string;
  /** How many threads it has: 1 or 0 once it has exited. */
  readonly threads: number;
}

/** `undefined` where no process has the pid, and where there is no /proc of ours. */
export function statOf(pid: number): ProcessStat | undefined {
  if (!isProcOurs()) return undefined;
  const stat = read(`/proc/${pid}/stat`);
  // pid (name) state parent group ..., and the name may hold a parenthesis itself.
  const end = stat.lastIndexOf(')');
  if (end < 0) return undefined;
  const fields = stat.slice(end + 2).split(' ', 20);
  const [state = '', parent, group] = fields;
  return {
    pid,
    start: Number(fields[19]),
    parent: Number(parent),
    group: Number(group),
    name: stat.slice(stat.indexOf('(') + 1, end),
    state,
    threads: Number(fields[17]),
  };
}

/** Whether it has exited. The letter is that of the first thread, and other threads may live on. */
export function isZombie({ state, threads }: Pick<ProcessStat, 'state' | 'threads'>): boolean {
  return (state === 'Z' || state === 'X') && threads <= 1;
}

let isKnownOurs = false;

/**
 * Whether /proc is mounted and shows our own pid namespace. In a /proc of another namespace, our pids belong to other
 * processes. If `NSpid` has a second pid, /proc shows a namespace outside of ours.
 */
export function isProcOurs(): boolean {
  isKnownOurs ||= ownEntry() === String(process.pid) && !/^NSpid:\t\d+\t/m.test(read('/proc/self/status'));
  return isKnownOurs;
}

/** The error by which the runtime denies reading about other processes in /proc, although the system would allow it. */
export function whyProcDenied(): Error | undefined {
  try {
    readFileSync(`/proc/${process.pid}/stat`);
    return undefined;
  } catch (error) {
    const { name, code } = error as NodeJS.ErrnoException;
    // Deno's, and that of Node's --permission.
    return name === 'NotCapable' || code === 'ERR_ACCESS_DENIED' ? (error as Error) : undefined;
  }
}

function ownEntry(): string {
  try {
    return readlinkSync('/proc/self');
  } catch {
    return '';
  }
}

/** The text of a file of /proc, one character for each byte; empty if it cannot be read. */
export function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

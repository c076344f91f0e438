import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { until, untilNow } from './until';

/** /proc/<pid>/stat; '' where there is no such process. */
export function statText(pid: number | string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return '';
  }
}

/** /proc/<pid>/stat, by the numbers that proc_pid_stat(5) has, from 3 on; none where there is no such process. */
export function statFields(pid: number | string): readonly string[] {
  const text = statText(pid);
  if (text === '') return [];
  // The command, field 2, may hold spaces and parentheses.
  return ['', '', '', ...text.slice(text.lastIndexOf(')') + 2).split(' ')];
}

/** One field of /proc/<pid>/stat; '' where there is no such process. */
export function statField(pid: number | string, field: number): string {
  return statFields(pid)[field] ?? '';
}

/** The letters of all its threads, one after the other. */
export function threadLetters(pid: number): string {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => statField(`${pid}/task/${thread}`, 3))
    .join('');
}

function isAwake(letter: string): boolean {
  return letter !== '' && 'RSD'.includes(letter);
}

/** Whether a SIGSTOP is on its way: sent, and not yet taken (ShdPnd in proc_pid_status(5)). */
function isAboutToStop(pid: number): boolean {
  try {
    const [, pending = '0'] = /^ShdPnd:\t(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return (BigInt(`0x${pending}`) & sigstop) !== 0n;
  } catch {
    return false;
  }
}

const sigstop = 1n << BigInt(constants.signals.SIGSTOP - 1);

let mountPoint: string | undefined;

/** Where cgroups of version 2 are mounted; '' where they are not. */
export function cgroupMount(): string {
  mountPoint ??= /^\d+ \d+ \S+ \/ (\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'latin1'))?.[1] ?? '';
  return mountPoint;
}

/** The directory of the cgroup that a process is in; '' where there is none. */
export function cgroupOf(pid: number): string {
  try {
    const [, path = ''] = /^0::(\/.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'latin1')) ?? [];
    return path === '' ? '' : `${cgroupMount()}${path === '/' ? '' : path}`;
  } catch {
    return '';
  }
}

/** Whether it is frozen, or about to be, with its cgroup; the letter does not tell. */
function isFrozenWithCgroup(pid: number): boolean {
  try {
    return readFileSync(`${cgroupOf(pid)}/cgroup.freeze`, 'latin1').startsWith('1');
  } catch {
    return false;
  }
}

function hasFrozenWithCgroup(pid: number): boolean {
  try {
    return readFileSync(`${cgroupOf(pid)}/cgroup.events`, 'latin1').includes('frozen 1');
  } catch {
    return false;
  }
}

/** R, S, D, T, Z and so on; T as well for a process about to stop, by a signal or with its cgroup; '' where there is none. */
export function letterOf(pid: number): string {
  // In this order: once the signal is taken, the process is stopped. One that was killed never takes it.
  const isAbout = isAboutToStop(pid) || isFrozenWithCgroup(pid);
  const letter = statField(pid, 3);
  return isAbout && isAwake(letter) ? 'T' : letter;
}

/** Whether the process is stopped, or about to stop. If not, no SIGSTOP was sent that was not taken back. */
export function isStopped(pid: number): boolean {
  return letterOf(pid) === 'T';
}

/** Waits until all are stopped by a signal, or frozen with their cgroup, which takes effect a moment later. */
export function stopped(...pids: number[]): Promise<void> {
  return until(() => pids.every((pid) => statField(pid, 3) === 'T' || hasFrozenWithCgroup(pid)), `${pids} are stopped`);
}

/** Waits until all are alive and not stopped. */
export function running(...pids: number[]): Promise<void> {
  return until(() => pids.every((pid) => isAwake(letterOf(pid))), `${pids} run`);
}

export function zombieNow(pid: number): void {
  untilNow(() => letterOf(pid) === 'Z', `${pid} is a zombie`);
}

/** The thread ids of a process, its own first. */
export function threadsOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).map(Number);
}

/** How many processes this one holds a pidfd of. */
export function openPidfds(): number {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The descriptor of the listing itself.
      return '';
    }
  });
  return links.filter((link) => link.includes('pidfd')).length;
}

import { readdirSync, readFileSync } from 'node:fs';

/** A process that is stopped now, by any process. */
export interface StoppedProcess {
  readonly pid: number;
  /** The name of its program, cut to 15 bytes (proc_pid_comm(5)). */
  readonly name: string;
  /** `signal`: SIGSTOP or its like; `tracer`: a debugger; `cgroup`: a control group of version 2 that is frozen. */
  readonly by: 'signal' | 'tracer' | 'cgroup';
}

/** The processes on this machine that are stopped now, as far as /proc shows them; `undefined` where there is no /proc. */
export function stoppedProcesses(): StoppedProcess[] | undefined {
  let names: string[];
  try {
    names = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return undefined;
  }
  // On other systems, and after an unmount, there may be a directory without any process in it.
  if (names.length === 0) return undefined;
  const groups = new Groups();
  return names.flatMap((name) => stoppedProcess(Number(name), groups) ?? []);
}

function stoppedProcess(pid: number, groups: Groups): StoppedProcess | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // pid (name) letter ..., and a name may hold a parenthesis itself (proc_pid_stat(5)).
  const end = stat.lastIndexOf(')');
  if (end < 0) return undefined;
  const name = stat.slice(stat.indexOf('(') + 1, end);
  const letter = stat.charAt(end + 2);
  if (letter === 'T') return { pid, name, by: 'signal' };
  if (letter === 't') return { pid, name, by: 'tracer' };
  return groups.isFrozen(pid) ? { pid, name, by: 'cgroup' } : undefined;
}

/** Control groups of version 2, by their paths in /proc. The letter of a process that is frozen with its group is `S`. */
class Groups {
  readonly #frozen = new Map<string, boolean>();
  /** Which group is mounted, and where; its path has spaces as \040 (proc_pid_mountinfo(5)). */
  readonly #mount = /^\d+ \d+ \S+ (\S+) (\S+) .* - cgroup2 /m.exec(read('/proc/self/mountinfo'));

  isFrozen(pid: number): boolean {
    const path = /^0::(\/.*)$/m.exec(read(`/proc/${pid}/cgroup`))?.[1];
    if (path === undefined) return false;
    const known = this.#frozen.get(path) ?? /^frozen 1$/m.test(read(this.#events(path)));
    this.#frozen.set(path, known);
    return known;
  }

  #events(path: string): string {
    const [, top = '/', mountPoint = ''] = this.#mount ?? [];
    if (top === '/') return `${unescaped(mountPoint)}${path}/cgroup.events`;
    // A part of the hierarchy is bound there: groups outside of it have no files.
    return `${path}/`.startsWith(`${top}/`) ? `${unescaped(mountPoint)}${path.slice(top.length)}/cgroup.events` : '';
  }
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Empty for a process that has exited, or that may not be read. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

// What may be left: looked for from outside, in /proc and in the cgroup file system.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { cgroupMount, cgroupOf, statField } from '../helpers/proc';
import { until } from '../helpers/until';

/** A variable that all processes of a soak have in their environment, and only they. */
export const mark = 'FREEZE_STATE_SOAK';

function textOf(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1').replaceAll('\0', '\n');
  } catch {
    return '';
  }
}

/** The processes of the soak but for this one; or those with this command, as the guardian's environment is empty. */
export function marked(value: string | undefined, command?: string): { pid: number; state: string }[] {
  const isIt = (pid: string): boolean =>
    command === undefined
      ? textOf(pid, 'environ').split('\n').includes(`${mark}=${value}`)
      : textOf(pid, 'cmdline').trim().replaceAll('\n', ' ') === command;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && isIt(name))
    .map((name) => ({ pid: Number(name), state: statField(name, 3) }))
    .filter(({ state }) => state !== '' && state !== 'Z');
}

/** The control groups that states of that process have made. */
export function madeBy(pid: number): string[] {
  const own = cgroupOf(process.pid);
  return own === '' ? [] : readdirSync(own).filter((name) => name.startsWith(`freeze-state-${pid}-`));
}

export function threads(): number {
  return readdirSync('/proc/self/task').length;
}

/** What the package opens: files of /proc and of control groups, and the memory of the ledger. */
function isOurs(file: string): boolean {
  const mount = cgroupMount();
  return /^\/(proc\/|memfd:freeze-state)/.test(file) || (mount !== '' && file.startsWith(`${mount}/`));
}

/** Not of other files: when a worker is terminated while Node reads its program, that file stays open. */
export function descriptors(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      const link = readlinkSync(`/proc/self/fd/${fd}`);
      return !link.startsWith('/') || isOurs(link);
    } catch {
      // The descriptor of the listing itself.
      return false;
    }
  }).length;
}

/** `undefined` where the condition comes true in time, else what did not. */
export async function within(
  ms: number,
  condition: () => boolean,
  problem: string | (() => string),
): Promise<string[]> {
  try {
    await until(condition, 'it is so', ms);
    return [];
  } catch {
    return [typeof problem === 'string' ? problem : problem()];
  }
}

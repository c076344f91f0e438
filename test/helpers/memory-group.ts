import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupOf } from './proc';
import { until } from './until';

let made = 0;

/**
 * A control group that gives its processes so many bytes; '' where none can be made. Of version 1, as it is mounted
 * beside version 2; or of version 2 where those below ours may limit memory.
 */
export function makeMemoryGroup(bytes: number): string {
  const [, own = ''] = /^\d+:memory:(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'latin1')) ?? [];
  const [, mount = ''] =
    /^\d+ \d+ \S+ \/ (\S+) .* - cgroup \S+ \S*\bmemory\b/m.exec(readFileSync('/proc/self/mountinfo', 'latin1')) ?? [];
  const parent = mount === '' ? cgroupOf(process.pid) : join(mount, own);
  made += 1;
  const group = join(parent, `freeze-state-memory-${process.pid}-${made}`);
  try {
    mkdirSync(group);
    if (limitMemory(group, bytes)) return group;
    rmdirSync(group);
  } catch {
    // A plain user may not, or there is none.
  }
  return '';
}

/** False where that is no control group that can. */
export function limitMemory(group: string, bytes: number): boolean {
  const file = ['memory.limit_in_bytes', 'memory.max'].find((name) => existsSync(join(group, name)));
  if (file === undefined) return false;
  writeFileSync(join(group, file), String(bytes));
  return true;
}

export async function removeGroup(group: string): Promise<void> {
  if (group !== '') await until(() => isRemoved(group), `${group} is removed`);
}

function isRemoved(path: string): boolean {
  try {
    rmdirSync(path);
  } catch {
    // What has been killed takes a moment to leave it.
  }
  return !existsSync(path);
}

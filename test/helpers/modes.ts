import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FreezeMode, FreezeState } from 'freeze-state';
import { afterEach } from 'vitest';
import { cgroupOf } from './proc';
import type { TargetOptions } from './processes';
import { untilNow } from './until';

/** The modes that stop processes, as far as this machine has what they need. A suite runs in each of them. */
export const signallingModes = Object.values(FreezeMode).filter(
  (mode) => mode !== FreezeMode.None && FreezeState.capabilities.modes[mode].available,
);

/** What a process must be to be a member in this mode: the leader of a group. */
export function fitFor(mode: FreezeMode): TargetOptions {
  return { detached: mode === FreezeMode.ProcessGroup };
}

/** The cgroups that states of this process have made. */
export function ownCgroups(): string[] {
  const own = cgroupOf(process.pid);
  if (own === '') return [];
  return readdirSync(own)
    .filter((name) => name.startsWith(`freeze-state-${process.pid}-`))
    .map((name) => join(own, name));
}

// Those of states that a test did not close, and that are not collected before this process is killed.
afterEach(() => {
  for (const path of ownCgroups()) {
    writeFileSync(join(path, 'cgroup.freeze'), '0');
    untilNow(() => {
      try {
        for (const pid of readFileSync(join(path, 'cgroup.procs'), 'latin1').split('\n').filter(Boolean)) {
          writeFileSync(join(path, '../cgroup.procs'), pid);
        }
        rmdirSync(path);
      } catch {
        // Those that exit take a moment to leave it.
      }
      return !existsSync(path);
    }, `${path} is removed`);
  }
});

import { FreezeMode } from 'freeze-state';

// Apart from modes.ts, which is for vitest alone: programs use this too.

/** Whether a report and `inspect` list the descendants of members in this mode, and so a freeze covers them. */
export function listsDescendants(mode: FreezeMode): boolean {
  return mode === FreezeMode.ProcessTree || mode === FreezeMode.Cgroup;
}

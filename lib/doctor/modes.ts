// Only a type: main.ts needs the names before it knows whether the addon loads.
import type { FreezeMode } from '../index';

/** The modes that stop processes, in order of preference (docs/modes.md). */
export const modes = ['cgroup', 'process-tree', 'process-group', 'process'] as const satisfies readonly FreezeMode[];
export type ExaminedMode = (typeof modes)[number];

import { FreezeMode, FreezeState } from 'freeze-state';
import type { TargetOptions } from './processes';

/** The modes that stop processes, as far as this machine has what they need. A suite runs in each of them. */
export const signallingModes = Object.values(FreezeMode).filter(
  (mode) => mode !== FreezeMode.None && FreezeState.capabilities.modes[mode].available,
);

/** What a process must be to be a member in this mode: the leader of a group. */
export function fitFor(mode: FreezeMode): TargetOptions {
  return { detached: mode === FreezeMode.ProcessGroup };
}

import { FreezeMode, FreezeState } from 'freeze-state';

/** Those that this machine has what they need for. */
export const modes = Object.values(FreezeMode).filter((mode) => FreezeState.capabilities.modes[mode].available);

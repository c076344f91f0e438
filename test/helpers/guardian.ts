import { FreezeState } from 'freeze-state';
import { sleeper } from './processes';

/** Makes a state that freezes, so that this process has a guardian, and gives the guardian's pid. */
export function guardian(): number {
  using state = new FreezeState('process', sleeper().pid);
  state.freezeAtEpoch(0);
  const { pid } = FreezeState.capabilities.guardian;
  if (pid === undefined) throw new Error('There is no guardian.');
  return pid;
}

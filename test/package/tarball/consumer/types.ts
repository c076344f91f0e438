// Compiled by every kind of consumer, and then run.
import { type AnyFreezeError, FreezeMode, type FreezeSnapshot, FreezeState, NoPidConfiguredError } from 'freeze-state';

function describe(error: AnyFreezeError): string {
  switch (error.code) {
    case 'ERR_FREEZE_PROCESS_NOT_FOUND':
      return `no process ${error.pid.toFixed()}`;
    case 'ERR_FREEZE_MULTIPLE':
      return error.errors.map(({ message }) => message).join();
    default:
      return error.code;
  }
}

const mode: FreezeMode = FreezeMode.Process;
const state = FreezeState.withPids(mode, new Set<number>());
const snapshot: FreezeSnapshot = state.snapshot();
const options = { since: snapshot, timeout: 1000, signal: new AbortController().signal, ref: false };
const wait: Promise<FreezeSnapshot> = state.waitForStateChange(options);
state.unfreeze();
export const done = wait.then(({ epoch }) => {
  try {
    state.freezeAtEpoch(epoch);
  } catch (error) {
    if (error instanceof NoPidConfiguredError) console.log(describe(error), epoch);
  }
});

export function mistakes(): void {
  // @ts-expect-error: an epoch is a number.
  state.freezeAtEpoch('1');
  // @ts-expect-error: there is no such mode.
  new FreezeState('process group');
  // @ts-expect-error: read only.
  snapshot.epoch = 1;
}

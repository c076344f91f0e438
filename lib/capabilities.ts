import { native } from './native';
import type { FreezeCapabilities, ModeCapability } from './types';

let known: FreezeCapabilities | undefined;

/** Asked of the kernel at the first call in this thread. */
export function capabilities(): FreezeCapabilities {
  known ??= look();
  return known;
}

function look(): FreezeCapabilities {
  const { signalling, isSupported, boost } = native.capabilities();
  const byProcess: ModeCapability = isSupported
    ? { available: true }
    : { available: false, reason: `${process.platform} has no SIGSTOP: run the emulator on Linux, or in mode 'none'.` };
  const modes = Object.freeze({ none: Object.freeze({ available: true }), process: Object.freeze(byProcess) });
  return Object.freeze({ modes, signalling, boost });
}

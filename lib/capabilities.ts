import { whyUnavailable } from './failures';
import { type NativeFailure, native } from './native';
import { type FreezeCapabilities, FreezeMode, type ModeCapability } from './types';

let known: FreezeCapabilities | undefined;

/** Asked of the kernel at the first call in this thread. */
export function capabilities(): FreezeCapabilities {
  known ??= look();
  return known;
}

function look(): FreezeCapabilities {
  const { signalling, boost, modes } = native.capabilities();
  const capabilityOf = ([failure]: readonly NativeFailure[]): ModeCapability =>
    Object.freeze(failure === undefined ? { available: true } : { available: false, reason: whyUnavailable(failure) });
  const byMode = Object.fromEntries(
    Object.values(FreezeMode).map((mode) => [mode, capabilityOf(modes[mode])]),
  ) as Record<FreezeMode, ModeCapability>;
  return Object.freeze({ modes: Object.freeze(byMode), signalling, boost });
}

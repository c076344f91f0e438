import { whyUnavailable } from './failures';
import { type NativeFailure, native } from './native';
import { type FreezeCapabilities, FreezeMode, type ModeCapability } from './types';

let known: FreezeCapabilities | undefined;

/** Asked of the kernel at the first call in this thread, and again where it could not answer. */
export function capabilities(): FreezeCapabilities {
  if (known !== undefined) return known;
  const answer = native.capabilities();
  const found = told(answer);
  // Without descriptors it cannot: later it may.
  const isAnswered = !Object.values(answer.modes)
    .flat()
    .some(({ code }) => code === 'ResourceExhausted');
  if (isAnswered) known = found;
  return found;
}

function told({ signalling, boost, modes }: ReturnType<typeof native.capabilities>): FreezeCapabilities {
  const capabilityOf = ([failure]: readonly NativeFailure[]): ModeCapability =>
    Object.freeze(failure === undefined ? { available: true } : { available: false, reason: whyUnavailable(failure) });
  const byMode = Object.fromEntries(
    Object.values(FreezeMode).map((mode) => [mode, capabilityOf(modes[mode])]),
  ) as Record<FreezeMode, ModeCapability>;
  return Object.freeze({ modes: Object.freeze(byMode), signalling, boost });
}

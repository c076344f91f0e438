import { isDeepStrictEqual } from 'node:util';
import { unavailable } from './failures';
import { guardianCapability } from './guardian';
import { type NativeFailure, native } from './native';
import { type FreezeCapabilities, FreezeMode, type ModeCapability } from './types';

let known: Omit<FreezeCapabilities, 'guardian'> | undefined;
let shown: FreezeCapabilities | undefined;

/** The same object as the last time, as long as nothing has changed. */
export function capabilities(): FreezeCapabilities {
  const constant = constantOnes();
  const guardian = guardianCapability();
  const isSame = shown?.modes === constant.modes && isDeepStrictEqual(shown.guardian, guardian);
  if (shown === undefined || !isSame) shown = Object.freeze({ ...constant, guardian });
  return shown;
}

/** Asked of the kernel at the first call in this thread, and again where it could not answer. */
function constantOnes(): Omit<FreezeCapabilities, 'guardian'> {
  if (known !== undefined) return known;
  const answer = native.capabilities();
  const found = told(answer);
  // Without a descriptor nothing can be found out; later there may be one.
  const isAnswered = !Object.values(answer.modes)
    .flat()
    .some(({ code }) => code === 'ResourceExhausted');
  if (isAnswered) known = found;
  return found;
}

function told({
  signalling,
  boost,
  modes,
}: ReturnType<typeof native.capabilities>): Omit<FreezeCapabilities, 'guardian'> {
  const capabilityOf = ([failure]: readonly NativeFailure[]): ModeCapability =>
    Object.freeze(failure === undefined ? { available: true } : { available: false, ...unavailable(failure) });
  const byMode = Object.fromEntries(
    Object.values(FreezeMode).map((mode) => [mode, capabilityOf(modes[mode])]),
  ) as Record<FreezeMode, ModeCapability>;
  return { modes: Object.freeze(byMode), signalling, boost };
}

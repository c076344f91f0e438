/** Those whose abort has rolled a freeze back. An abort after a thaw, or of a freeze that has failed, rolls nothing back. */
const effective = new WeakSet<AbortSignal>();

export function noteRollBack(signal: AbortSignal): void {
  effective.add(signal);
}

/** Whether the abort of this signal has rolled back a freeze that it was given to. */
export function hasRolledBack(signal: AbortSignal): boolean {
  return effective.has(signal);
}

/**
 * Signals whose abort has rolled a freeze back, and errors of freezes that were rolled back. An abort after a thaw rolls nothing
 * back, nor does a freeze that fails before it has begun.
 */
const effective = new WeakSet<AbortSignal | Error>();

export function noteRollBack(cause: AbortSignal | Error): void {
  effective.add(cause);
}

/** Whether a freeze was rolled back that was given this signal, or that failed with this error. */
export function hasRolledBack(cause: AbortSignal | Error): boolean {
  return effective.has(cause);
}

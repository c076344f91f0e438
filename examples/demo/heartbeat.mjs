import { appendFileSync } from 'node:fs';

/**
 * Writes the time to a file, again and again: a process that is frozen leaves a gap. The clock is the monotonic one, which
 * every process of a machine shares.
 */
export function startHeartbeat(file, everyMs) {
  setInterval(() => appendFileSync(file, `${process.hrtime.bigint() / 1000n}\n`), everyMs);
}

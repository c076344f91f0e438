import { isMainThread } from 'node:worker_threads';

/** Killed by the exit of this process, where they have not ended before. Kept, since nothing else may know of them. */
const ending = new Set<{ kill(): void }>();

/**
 * At an exit that Node tells of, what is frozen is killed before anything could thaw it. Where it tells of none, and at the
 * end of the process that a worker thread belongs to, the guardian does it.
 */
export function killAtExit(sandbox: { kill(): void }): void {
  if (!isMainThread) return;
  if (ending.size === 0) process.on('exit', killAll);
  ending.add(sandbox);
}

/** It needs that no more. */
export function forgetAtExit(sandbox: { kill(): void }): void {
  if (ending.delete(sandbox) && ending.size === 0) process.off('exit', killAll);
}

function killAll(): void {
  for (const sandbox of ending) sandbox.kill();
}

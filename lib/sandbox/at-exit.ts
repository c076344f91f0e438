import { isMainThread } from 'node:worker_threads';
import type { FreezeState } from '../api';

interface Ends {
  readonly state: FreezeState;
  kill(): unknown;
}

/** The sandboxes that the exit of this process kills, unless they have ended before. Possibly nothing else refers to them. */
const ending = new Set<Ends>();

/**
 * At an exit that Node tells of, a frozen sandbox is killed before anything can thaw it. The guardian does that at any other end,
 * and for the sandbox of a worker thread, when the process ends.
 */
export function killAtExit(sandbox: Ends): void {
  if (!isMainThread) return;
  if (ending.size === 0) process.on('exit', killAll);
  ending.add(sandbox);
}

/** The sandbox has ended, or its state is closed, and need not be killed at the exit. */
export function forgetAtExit(sandbox: Ends): void {
  if (ending.delete(sandbox) && ending.size === 0) process.off('exit', killAll);
}

/** Each, though one before it could not be thawed, say. */
function killAll(): void {
  const errors: unknown[] = [];
  for (const sandbox of ending) {
    try {
      // The state may have been closed in this very turn.
      if (!isClosed(sandbox.state)) sandbox.kill();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

function isClosed(state: FreezeState): boolean {
  try {
    state.snapshot();
    return false;
  } catch {
    return true;
  }
}

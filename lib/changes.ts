import { addAbortListener } from 'node:events';
import type { FreezeSnapshot, WaitOptions } from './types';

/** How an iteration waits for the next state; `FreezeState.waitForStateChange`. */
type WaitForChange = (options: WaitOptions) => Promise<FreezeSnapshot>;

/**
 * The changes after `seen`, one by one. Each step compares with the state that the step before gave. So a slow consumer misses
 * past states and gets the newest, none twice, and the epochs only grow.
 */
export function changesSince(
  seen: FreezeSnapshot,
  wait: WaitForChange,
  { signal, ref = true }: Pick<WaitOptions, 'signal' | 'ref'>,
): AsyncIterableIterator<FreezeSnapshot> {
  let last = seen;
  let isDone = false;
  let waiting: AbortController | undefined;

  const step = async (): Promise<IteratorResult<FreezeSnapshot, undefined>> => {
    if (isDone) return { done: true, value: undefined };
    // For this step alone: between two steps no listener is left on the signal, which may live longer.
    const ended = new AbortController();
    const onAbort = (): void => ended.abort(signal?.reason);
    waiting = ended;
    if (signal?.aborted) onAbort();
    const listener = signal && addAbortListener(signal, onAbort);
    try {
      last = await wait({ since: last, signal: ended.signal, ref });
      return { done: false, value: last };
    } catch (error) {
      // `return()` ends a step that is waiting, and that is no error.
      if (isDone) return { done: true, value: undefined };
      isDone = true;
      throw error;
    } finally {
      listener?.[Symbol.dispose]();
    }
  };
  // One step at a time: two that waited together would both give the same state.
  let turn: Promise<unknown> = Promise.resolve();
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => {
      const result = turn.then(step);
      turn = result.catch(() => undefined);
      // A promise of its own: if it rejects and has no handler, Node reports that.
      return result.then();
    },
    return: () => {
      isDone = true;
      waiting?.abort();
      return Promise.resolve({ done: true, value: undefined });
    },
  };
}

import * as timers from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * The clock, the timers and the ticks, as they were when this module was loaded. Fake timers, such as `vi.useFakeTimers()` and
 * `mock.timers.enable()` of node:test, replace those of Node afterwards; this package waits for processes and other
 * threads, whose time they do not change.
 */
const { clearImmediate, clearTimeout, performance, setImmediate, setTimeout } = globalThis;
const now = performance.now.bind(performance);
const nextTick = process.nextTick.bind(process);
// Not the one of node:timers/promises, which first checks options that nobody gives.
const { setImmediate: inNextTurn } = timers;
const takeTurn = (resolve: () => void): void => void inNextTurn(resolve);
const nextTurn = (): Promise<void> => new Promise(takeTurn);

export const clock = {
  now,
  nextTick,
  nextTurn,
  sleep,
  setImmediate,
  setTimeout,
  clearImmediate,
  clearTimeout,
} as const;

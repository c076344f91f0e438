import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/**
 * The clock and the timers, as they were when this module was loaded. Fake timers, such as `vi.useFakeTimers()` and
 * `mock.timers.enable()` of node:test, replace those of Node afterwards; what is waited for here are processes and other
 * threads, and their time goes on.
 */
const { clearImmediate, clearTimeout, performance, setImmediate, setTimeout } = globalThis;
const now = performance.now.bind(performance);

export const clock = { now, nextTurn, sleep, setImmediate, setTimeout, clearImmediate, clearTimeout } as const;

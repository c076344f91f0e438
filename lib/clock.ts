import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/**
 * The clock and the timers, as they were when this module was loaded. Fake timers, such as `vi.useFakeTimers()` and
 * `mock.timers.enable()` of node:test, replace those of Node afterwards; this package waits for processes and other
 * threads, whose time they do not change.
 */
const { clearImmediate, clearTimeout, performance, setImmediate, setTimeout } = globalThis;
const now = performance.now.bind(performance);

export const clock = { now, nextTurn, sleep, setImmediate, setTimeout, clearImmediate, clearTimeout } as const;

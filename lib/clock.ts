import { performance } from 'node:perf_hooks';
import * as timers from 'node:timers';
import { scheduler } from 'node:timers/promises';

/**
 * The clock, the timers and the ticks, as they were when this module was loaded. Fake timers, such as `vi.useFakeTimers()` and
 * `mock.timers.enable()` of node:test, replace those of Node; this package waits for processes and other threads, whose time
 * they do not change. docs/semantics.md says what stays fake if they were installed before.
 *
 * Not from `globalThis`: all fake timers replace what is there, and those of jest leave node:timers alone.
 */
const { clearImmediate, clearTimeout, setImmediate, setTimeout } = timers;
const nextTick = process.nextTick.bind(process);

/**
 * These are the methods of classes. Other fake timers replace the functions of node:timers and node:timers/promises as well, and
 * sinon's replace `performance.now`, but none changes a class. A confirmation needs no other clock and no other timer, so it
 * ends in real time whenever fake timers were installed. For that, `yield` checks options that nobody gives, which takes some
 * 0.1 µs in each turn, and 50 µs in the first of a process.
 */
const now = ofClass(performance, 'now');
const sleep = ofClass(scheduler, 'wait');
const nextTurn = ofClass(scheduler, 'yield');

/** The method as the class of the object has it. In Bun it is the object that has it. */
function ofClass<K extends string, T extends Record<K, CallableFunction>>(object: T, name: K): T[K] {
  const method: CallableFunction = Object.getPrototypeOf(object)[name] ?? object[name];
  return method.bind(object) as T[K];
}

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

// How long a waiter in another thread sleeps on after the change: from just before the call that makes the change, in this
// thread, to the first thing that the waiter does, in a worker.
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { FreezeState } from 'freeze-state';
import { goal, note, print, ratio } from '../findings.mjs';
import { floor } from '../floor.mjs';
import { type Contestant, interleave } from '../measure.mjs';
import { profile, timed } from '../profile.mjs';

const state = new FreezeState();
const flags = new Int32Array(new SharedArrayBuffer(4)); // for Atomics.waitAsync
const worker = new Worker(new URL('../waiter.mjs', import.meta.url), { workerData: { handle: state.share(), flags } });
const message = (): Promise<unknown> => new Promise((resolve) => worker.once('message', resolve));

/** How each kind of wait, which waiter.mjs knows by the same name, is ended. */
const wake = {
  'bare condition variable': () => floor.notifyVersion(),
  waitForStateChangeSync: () => state.unfreeze(),
  'waitForStateChangeSync, spin': () => state.unfreeze(),
  'bare poll': () => floor.movePolled(),
  'bare thread-safe function': () => floor.callBare(),
  'bare thread-safe function and a promise': () => floor.callBare(),
  waitForStateChange: () => state.unfreeze(),
  postMessage: () => worker.postMessage({}),
  'Atomics.waitAsync': () => {
    Atomics.add(flags, 0, 1);
    Atomics.notify(flags, 0);
  },
};
type Kind = keyof typeof wake;

/**
 * @param pause ms for which both threads sleep before the change, as they do between two invocations. The wait with `spin`
 *   polls meanwhile, and for far longer than this.
 * @param isOfCall whether only the call is timed that makes the change.
 */
const contestants = (pause: number, isOfCall = false): Contestant[] =>
  Object.entries(wake).map(([kind, end]) => ({
    name: kind,
    sample: async () => {
      const ready = message();
      worker.postMessage({ kind });
      await ready;
      await setTimeout(pause);
      const woke = message();
      if (isOfCall) {
        const took = await timed('call', end);
        await woke;
        return took;
      }
      const start = process.hrtime.bigint();
      end();
      return { 'wake-up': Number(((await woke) as bigint) - start) / 1000 };
    },
  }));
const toSleep = 2;
const atFirst = await interleave(contestants(toSleep), 100);
await interleave(contestants(0), 1000);
for (let i = 0; i < 100_000; i += 1) state.unfreeze();
const results = await interleave(contestants(toSleep), 300);

const title = 'From the change to the waiter in another thread';
print(`${title}, in a program that has just begun`, 'µs', atFirst, 'bare condition variable');
print(`${title}, once V8 has compiled what is called often`, 'µs', results, 'bare condition variable');
const compare = (of: Kind, to: Kind): number => ratio(results, 'wake-up', of, to);
const [condition, threadSafe] = ['bare condition variable', 'bare thread-safe function'] as const;
goal('The blocking wait, against the bare condition variable', compare('waitForStateChangeSync', condition), 1.1);
goal(
  'The blocking wait with spin, against the same, for a change that comes while it polls',
  compare('waitForStateChangeSync, spin', condition),
  0.2,
);
goal('The asynchronous wait, against the bare thread-safe function', compare('waitForStateChange', threadSafe), 1.15);
const others = ['postMessage', 'Atomics.waitAsync'] as const;
for (const other of others)
  goal(`The asynchronous wait, against ${other}`, compare('waitForStateChange', other), 1 / 3);
note(
  `A bare poll takes ${compare('bare poll', condition).toFixed(2)} times as long as the bare condition variable, and a bare ` +
    `thread-safe function whose callback resolves a promise takes ` +
    `${compare('bare thread-safe function and a promise', threadSafe).toFixed(2)} times as long as one without.`,
);
note(
  `postMessage takes ${compare('postMessage', threadSafe).toFixed(2)} times as long as the bare thread-safe function, ` +
    'which is the floor of the asynchronous wait.',
);
await profile('The call that makes the change, in its own thread', contestants(toSleep, true));
await worker.terminate();

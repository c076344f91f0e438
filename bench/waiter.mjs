// The worker of trials/wake.mts: begins the wait it is told to, says so, and answers with the time at which it woke.
// JavaScript, because a worker on Node 20 is not given the loader that the trials are read with.
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { FreezeState } from 'freeze-state';

/** @type {import('./floor.mjs').Floor} */
const floor = createRequire(import.meta.url)('./native/build/Release/floor.node');
const { handle, flags } = workerData;
const state = FreezeState.attach(handle);
const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
const ready = () => port.postMessage('ready');
const now = () => process.hrtime.bigint();

/** @type {Record<string, () => bigint | Promise<bigint>>} */
const waits = {
  'bare condition variable': () => {
    const seen = floor.currentVersion();
    ready();
    floor.awaitVersion(seen);
    return now();
  },
  waitForStateChangeSync: () => {
    const since = state.snapshot();
    ready();
    state.waitForStateChangeSync({ since });
    return now();
  },
  'waitForStateChangeSync, spin': () => {
    const since = state.snapshot();
    ready();
    // Ten times the pause before the change, so that the change comes while it polls.
    state.waitForStateChangeSync({ since, spin: 20_000 });
    return now();
  },
  'bare poll': () => {
    const seen = floor.currentPolled();
    ready();
    floor.poll(seen);
    return now();
  },
  'bare thread-safe function and a promise': () => {
    const woke = new Promise((resolve) => floor.listenBare(() => resolve(undefined))).then(() => {
      const time = now();
      floor.releaseBare();
      return time;
    });
    ready();
    return woke;
  },
  'bare thread-safe function': () =>
    new Promise((resolve) => {
      floor.listenBare(() => {
        const woke = now();
        floor.releaseBare();
        resolve(woke);
      });
      ready();
    }),
  waitForStateChange: () => {
    const woke = state.waitForStateChange().then(now);
    ready();
    return woke;
  },
  postMessage: () =>
    new Promise((resolve) => {
      port.once('message', () => resolve(now()));
      ready();
    }),
  'Atomics.waitAsync': () => {
    const { value } = Atomics.waitAsync(flags, 0, Atomics.load(flags, 0));
    const woke = Promise.resolve(value).then(now);
    ready();
    return woke;
  },
};

port.on('message', async ({ kind }) => {
  if (kind !== undefined) port.postMessage(await waits[kind]());
});

// Does whatever a thread can do with the states of a round, in a random order, until it is told to end or terminated.
// JavaScript, because a worker on Node 20 is not given the loader that the rest is read with.
import { parentPort, workerData } from 'node:worker_threads';
import { FreezeState } from 'freeze-state';

const { handles, counters } = workerData;
const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
const states = handles.map((handle) => FreezeState.attach(handle));
const holds = [];
const pending = new Set();
const pick = (list) => list[Math.floor(Math.random() * list.length)];

/** All members may be dead or gone; and on a busy machine nothing stops in time. */
const expected = new Set([
  'ERR_FREEZE_NO_PID',
  'ERR_FREEZE_PROCESS_NOT_FOUND',
  'ERR_FREEZE_MULTIPLE',
  'ERR_FREEZE_NOT_STOPPED',
  'ERR_FREEZE_TIMEOUT',
]);
const failed = (error) => {
  if (!expected.has(error?.code)) port.postMessage(String(error?.stack ?? error));
};
const later = (promise) => {
  const checked = promise.catch(failed).finally(() => pending.delete(checked));
  pending.add(checked);
};
/** By their place in the counters. */
const [freezes, confirmations, thaws, calls] = [0, 1, 2, 3];
const count = (place) => Atomics.add(counters, place, 1);
const thaw = (act) => {
  act();
  count(thaws);
};

const deeds = {
  freeze: (state) => state.freezeAtEpoch(state.currentEpoch) && count(freezes),
  confirm: (state) => {
    const confirmed = state.confirmFreezeAtEpoch(state.currentEpoch, { timeout: 1 + Math.random() * 200 });
    later(confirmed.then(({ isFrozen }) => isFrozen && count(confirmations)));
  },
  unfreeze: (state) => thaw(() => state.unfreeze()),
  forceUnfreeze: (state) => thaw(() => state.forceUnfreeze()),
  hold: (state) => thaw(() => holds.push(state.hold())),
  release: () => holds.pop()?.release(),
  releaseAll: () => holds.splice(0).forEach((hold) => void hold.release()),
  wait: (state) => later(state.waitForStateChange({ timeout: Math.random() * 20 })),
  waitForRelease: (state) => later(state.waitForRelease({ timeout: Math.random() * 20 })),
  block: (state) => state.waitForStateChangeSync({ timeout: Math.random() * 5 }),
  iterate: (state) => {
    const changes = state.changes({ ref: false });
    // It stands for no condition: there may be no change, and the iteration is left then as well.
    later(Promise.race([changes.next(), new Promise((resolve) => setTimeout(resolve, 5))]));
    void changes.return?.();
  },
  inspect: (state) => state.inspect(),
  look: (state) => [state.snapshot(), state.pids, state.holdCount],
  attach: (state) => FreezeState.attach(state.share()),
};
const names = Object.keys(deeds);

async function work() {
  let isOver = false;
  port.once('message', () => {
    isOver = true;
  });
  while (!isOver) {
    for (let turn = 0; turn < 20; turn += 1) {
      count(calls);
      try {
        deeds[pick(names)](pick(states));
      } catch (error) {
        failed(error);
      }
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  deeds.releaseAll();
  await Promise.all(pending);
  port.close();
}

// Not awaited: a module that awaits at its top level can bring V8 down when it is terminated.
void work();

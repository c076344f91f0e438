// The worker of trials/cancel.mts: freezes at the epoch it is given, and says when it begins, how long it took, and what
// came of it. JavaScript, because a worker on Node 20 is not given the loader that the trials are read with.
import { parentPort, workerData } from 'node:worker_threads';
import { FreezeState } from 'freeze-state';

const { handle, begun } = workerData;
const state = FreezeState.attach(handle);
const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);

port.on('message', (epoch) => {
  Atomics.store(begun, 0, 1);
  const start = process.hrtime.bigint();
  const isFrozen = state.freezeAtEpoch(epoch);
  port.postMessage({ isFrozen, took: Number(process.hrtime.bigint() - start) / 1000 });
});
port.postMessage('ready');

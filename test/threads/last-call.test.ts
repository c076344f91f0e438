import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { FreezeMode, FreezeState } from 'freeze-state';
import { expect, it } from 'vitest';
import { running } from '../helpers/proc';
import { sleeper } from '../helpers/processes';
import { rounds } from '../helpers/rounds';

const program = join(__dirname, 'fixtures/last-call.mjs');
const addon = join(__dirname, '../../dist/native.js');

/** Without what it tests, each found something left after 1 to 40 threads. */
const threads = rounds({ some: 15, all: 50 });

/** While a thread is being ended Node does not tie native objects to JavaScript objects, and so never frees them. */
async function terminateWithin(call: string, data: object): Promise<void> {
  const worker = new Worker(program, { workerData: { call, addon, ...data } });
  try {
    await once(worker, 'message');
  } finally {
    await worker.terminate();
  }
}

it('no hold is left of a thread that is terminated while it begins a confirmation', async () => {
  const state = FreezeState.withPids(FreezeMode.Process, [sleeper().pid]);
  const shared = state.share();
  for (let done = 0; done < threads; done += 1) {
    await terminateWithin('confirm', { shared });
    expect(state.freezeAtEpoch(state.currentEpoch), `after ${done} threads`).toBe(true);
    state.unfreeze();
  }
}, 120_000);

it('nothing is left frozen by a thread that is terminated while it attaches to the state that only it has', async () => {
  const { pid } = sleeper();
  for (let done = 0; done < threads; done += 1) {
    await terminateWithin('attach', { pid });
    await running(pid);
  }
}, 120_000);

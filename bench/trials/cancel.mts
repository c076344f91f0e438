// What a thaw waits for that comes while another thread is freezing 500 processes: one signal and the roll-back (G6), and
// not the rest of the loop.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { FreezeMode, FreezeState } from 'freeze-state';
import { median } from 'simple-statistics';
import { sleepers } from '../children.mjs';
import { goal, print } from '../findings.mjs';
import { type Contestant, interleave, microsecondsSince, orQuick } from '../measure.mjs';

const pids = await sleepers(500);
const state = FreezeState.withPids(FreezeMode.Process, pids);
const begun = new Int32Array(new SharedArrayBuffer(4));
const freezer = new Worker(new URL('../freezer.mjs', import.meta.url), {
  workerData: { handle: state.share(), begun },
});

await once(freezer, 'message'); // it is ready, and needs nothing more of this thread

interface Outcome {
  readonly isFrozen: boolean;
  readonly took: number;
}

/** Has the other thread begin a freeze, and returns at once when it has. */
function begin(): Promise<Outcome> {
  const outcome = new Promise<Outcome>((resolve) => freezer.once('message', resolve));
  Atomics.store(begun, 0, 0);
  freezer.postMessage(state.currentEpoch);
  while (Atomics.load(begun, 0) === 0);
  return outcome;
}

function thaw(): number {
  const start = process.hrtime.bigint();
  state.unfreeze();
  return microsecondsSince(start);
}

/** No member is stopped, whatever came of the freeze. */
function check(): void {
  const stopped = pids.filter((pid) => readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') T '));
  if (stopped.length > 0) throw new Error(`Stopped after the thaw returned: ${stopped.join(', ')}.`);
}

/** Microseconds that the last whole freeze took. */
let length = 0;

const whole: Contestant = {
  name: 'after the freeze',
  sample: async () => {
    const { isFrozen, took } = await begin();
    if (!isFrozen) throw new Error('The freeze that was not cancelled did not freeze.');
    const thawed = thaw();
    check();
    length = took;
    await setTimeout(1);
    return { freeze: took, thaw: thawed };
  },
};

/** @param part of the time that a whole freeze takes, at which the thaw comes. */
const cancelled = (part: number): Contestant => ({
  name: `at ${part * 100} % of it`,
  sample: async () => {
    for (;;) {
      const outcome = begin();
      const start = process.hrtime.bigint();
      while (microsecondsSince(start) < part * length);
      const thawed = thaw();
      check();
      const { isFrozen, took } = await outcome;
      await setTimeout(1);
      if (!isFrozen) return { freeze: took, thaw: thawed };
      // It was over before the thaw came.
      length = took;
    }
  },
});

// Towards the end of a freeze it takes many attempts until a thaw comes before it.
const parts = orQuick([0.1, 0.5, 0.9], [0.1]);
const results = await interleave([whole, ...parts.map(cancelled)], 50);
await freezer.terminate();

print(`A thaw of ${pids.length} processes that another thread freezes`, 'µs', results, whole.name);
const took = (contestant: Contestant, figure: string): number =>
  median(results.get(contestant.name)?.get(figure) ?? []);
for (const part of parts) {
  // What it would take to wait for the rest of the freeze, and then to continue everyone.
  const patient = (1 - part) * took(whole, 'freeze') + took(whole, 'thaw');
  const times = took(cancelled(part), 'thaw') / patient;
  goal(`A thaw that comes ${cancelled(part).name}, against one that waits for the whole freeze`, times, 1);
}

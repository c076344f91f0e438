// Batch after batch of workers share one state, and each is terminated at a random moment. Prints what is left.
import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { FreezeState } from 'freeze-state';
import { randomFrom } from './random.mjs';
import { isStopped } from './stopped.mjs';

const [mode, ...numbers] = process.argv.slice(2);
const [workers, batch, seed] = numbers.map(Number);
const random = randomFrom(seed);
const program = new URL('./storm-worker.mjs', import.meta.url);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const targets = Array.from({ length: 3 }, () =>
  // Each a tree of two, and the leader of a group; both end with it.
  spawn(process.env.FREEZE_TEST_TARGET, ['tree', '1', '1'], { stdio: ['pipe', 'ignore', 'ignore'], detached: true }),
);
const pids = targets.map(({ pid }) => pid);
const until = async (condition, what) => {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`It did not come true that ${what}: ${pids.map(isStopped)}.`);
    await pause(1);
  }
};
/** But for files: Node leaves a worker's program open that it is reading when the worker is terminated. */
const descriptors = () => readdirSync('/proc/self/fd').filter(isNoFile).length;
const isNoFile = (fd) => {
  try {
    return !readlinkSync(`/proc/self/fd/${fd}`).startsWith('/');
  } catch {
    // The descriptor of the listing itself.
    return false;
  }
};
const tasks = () => readdirSync('/proc/self/task').length;

const state = FreezeState.withPids(mode, pids);
const handle = state.share();
const codes = {};
const errors = [];

/** For the test to show: whoever fails, the storm goes on. */
const failed = (who, error) => errors.push(`${who}: ${error?.stack ?? error}`);

async function one(number) {
  const worker = new Worker(program, { workerData: { handle, seed: seed * 100_003 + number } });
  worker.on('error', (error) => failed(`worker ${number}`, error));
  // Not by once() of node:events, which rejects where there is an error first.
  const [online, exit] = ['online', 'exit'].map((event) => new Promise((resolve) => worker.once(event, resolve)));
  // From before it runs until long after it has begun.
  if (random() < 0.8) await Promise.race([online, exit]);
  await pause(random() * 60);
  await worker.terminate();
  const code = await exit;
  codes[code] = (codes[code] ?? 0) + 1;
}

function freezeOrThaw() {
  try {
    if (random() < 0.5) state.freezeAtEpoch(state.currentEpoch);
    else state.unfreeze();
  } catch (error) {
    failed('main thread', error);
  }
}

async function round(first, count) {
  let isOver = false;
  const here = (async () => {
    while (!isOver) {
      freezeOrThaw();
      void state.waitForStateChange();
      await pause(random() * 5);
    }
  })();
  await Promise.all(Array.from({ length: count }, (_, index) => one(first + index)));
  isOver = true;
  await here;
}

// Once for what Node and the addon open for good.
await round(0, 2);
// A frozen tree holds its descendants.
state.unfreeze();
const before = { descriptors: descriptors(), tasks: tasks() };
for (let done = 0; done < workers; done += batch) await round(2 + done, Math.min(batch, workers - done));
await until(() => tasks() <= before.tasks, 'the threads are gone');

// No hold is left of those that the workers took, and both directions work.
state.unfreeze();
await until(() => !pids.some(isStopped), 'the members run');
const isFrozen = state.freezeAtEpoch(state.currentEpoch);
await until(() => pids.every(isStopped), `the members are stopped (freezeAtEpoch gave ${isFrozen})`);
const change = state.waitForStateChange();
state.unfreeze();
await change;
await until(() => !pids.some(isStopped), 'the members run');
const leaked = descriptors() - before.descriptors;
console.log(JSON.stringify({ codes, errors: errors.slice(0, 10), isFrozen, leaked }));
// Left frozen: the end thaws it.
state.freezeAtEpoch(state.currentEpoch);
for (const target of targets) {
  target.stdin.destroy();
  target.unref();
}

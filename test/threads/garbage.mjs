// Makes one kind of thing again and again, and drops it, under --expose-gc. Prints what the process weighs in each quarter.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { FreezeState } from 'freeze-state';

const [kind, count] = [process.argv[2], Number(process.argv[3])];
const { pid, stdin } = spawn(process.env.FREEZE_TEST_TARGET, { stdio: ['pipe', 'ignore', 'ignore'] });
const turn = () => new Promise((resolve) => setImmediate(resolve));
const letter = () => {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return text[text.lastIndexOf(')') + 2];
};

const lasting = new FreezeState('process', pid);
const handle = lasting.share();
let warnings = 0;
process.on('warning', ({ code }) => {
  if (code === 'FREEZE_HOLD_FORGOTTEN') warnings += 1;
});

const drop = {
  state: () => void new FreezeState(),
  'frozen state': () => {
    const state = new FreezeState('process', pid);
    if (!state.freezeAtEpoch(0)) throw new Error('It did not freeze.');
  },
  handle: () => void new FreezeState().share(),
  'attached state': () => void FreezeState.attach(handle),
  'state attached twice': () => void FreezeState.attach(new FreezeState().share()),
  hold: () => void lasting.hold(),
  'hold of its own state': () => void new FreezeState().hold(),
  'released hold': () => lasting.hold().release(),
  'ended wait': () => {
    void lasting.waitForStateChange();
    lasting.unfreeze();
  },
  'wait with a signal': () => {
    void lasting.waitForStateChange({ signal: new AbortController().signal, timeout: 1_000_000 });
    lasting.unfreeze();
  },
  'begun iteration': () => {
    void lasting.changes().next();
    lasting.unfreeze();
  },
}[kind];

/** Finalizers run in turns of their own. */
async function collect() {
  for (let round = 0; round < 5; round += 1) {
    gc();
    await turn();
  }
}

/** What the process weighs at the least in this quarter: a cache that V8 fills and empties comes on top at times. */
async function quarter() {
  const least = { heap: Infinity, rss: Infinity };
  for (let sample = 0; sample < 4; sample += 1) {
    for (let number = 0; number < count / 16; number += 1) {
      drop();
      if (number % 500 === 0) await collect();
    }
    await collect();
    const { heapUsed, external, rss } = process.memoryUsage();
    least.heap = Math.min(least.heap, heapUsed + external);
    least.rss = Math.min(least.rss, rss);
  }
  return { ...least, descriptors: readdirSync('/proc/self/fd').length };
}

const weights = [await quarter(), await quarter(), await quarter(), await quarter()];
const isHeld = !lasting.freezeAtEpoch(lasting.currentEpoch);
lasting.unfreeze();
const deadline = performance.now() + 30_000;
while (letter() === 'T' && performance.now() < deadline) await collect();
console.log(JSON.stringify({ weights, isHeld, warnings, letter: letter() }));
stdin.destroy();

// For how long at a time a confirmation keeps its thread from its other work: the gaps between the turns of an event loop
// that has nothing else to do, beside one that has 60 µs of work in each turn.
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { FreezeMode, FreezeState } from 'freeze-state';
import { max, quantile } from 'simple-statistics';
import { family, killGroup, sleepers, spinners } from '../children.mjs';
import { goal, note, print } from '../findings.mjs';
import { type Contestant, interleave, microsecondsSince, type Results } from '../measure.mjs';
import { laps, profile } from '../profile.mjs';

/** Microseconds that one turn may take. */
const limit = 100;

/** The microseconds between any two turns of the event loop. */
async function gapsDuring(work: () => Promise<void>): Promise<number[]> {
  const gaps: number[] = [];
  let isOver = false;
  // It asks for its next turn before the confirmation does, as everything does that was waiting already.
  const tick = (): void => {
    gaps.push(turns.next());
    if (!isOver) globalThis.setImmediate(tick);
  };
  await setImmediate();
  globalThis.setImmediate(tick);
  const turns = laps('longest gap');
  await work();
  isOver = true;
  await setImmediate();
  turns.end();
  // Only of turns in which there was something to do.
  return gaps.filter((gap) => gap > 10);
}

/** Keeps this thread busy, with nothing that lets another one run. */
function spin(microseconds: number): void {
  const start = process.hrtime.bigint();
  while (microsecondsSince(start) < microseconds);
}

const all = new Map<string, number[]>();

function contestant(name: string, work: () => Promise<void>, after: () => void): Contestant {
  return {
    name,
    sample: async () => {
      const gaps = await gapsDuring(work);
      after();
      for (let i = 0; i < 3; i += 1) await setImmediate();
      all.set(name, [...(all.get(name) ?? []), ...gaps]);
      return { longest: max(gaps) };
    },
  };
}

const ofWork = contestant(
  'nothing but 60 µs of work in each turn',
  async () => {
    for (let turn = 0; turn < 20; turn += 1) {
      spin(60);
      await setImmediate();
    }
  },
  () => undefined,
);

const states: FreezeState[] = [];

function ofState(name: string, mode: FreezeMode, pids: readonly number[]): Contestant {
  const state = FreezeState.withPids(mode, pids);
  states.push(state);
  return contestant(
    `${name}, ${mode}`,
    async () => {
      const { isFrozen } = await state.confirmFreezeAtEpoch(state.currentEpoch, { timeout: 10_000 });
      if (!isFrozen) throw new Error(`${name} did not freeze.`);
    },
    () => state.unfreeze(),
  );
}

const four = await sleepers(4, { detached: true });
const many = await sleepers(128, { detached: true });
const [root = 0] = await family([9, 10]);
const { Process, ProcessGroup, ProcessTree, Cgroup } = FreezeMode;
const contestants = [
  ofWork,
  ofState('4 asleep', Process, four),
  ofState('128 asleep', Process, many),
  ofState('128 asleep', ProcessGroup, many),
  ofState('100 in a tree', ProcessTree, [root]),
];
const { available, reason } = FreezeState.capabilities.modes.cgroup;
if (available) {
  contestants.push(ofState('4 asleep', Cgroup, await sleepers(4)));
  contestants.push(ofState('128 asleep', Cgroup, await sleepers(128)));
}
await interleave(contestants, 150);
// These last: they take the processors from the others.
const busy = await spinners(2 * availableParallelism());
await interleave(
  [Process, ProcessTree].map((mode) => ofState(`${busy.length} busy`, mode, busy)),
  60,
);
const gaps: Results = new Map([...all].map(([name, found]) => [name, new Map([['gap', found]])]));
print('The gaps between two turns of the event loop while it confirms', 'µs', gaps, ofWork.name);
const lateOf = (name: string): number => {
  const found = all.get(name) ?? [];
  return (100 * found.filter((gap) => gap > limit).length) / found.length;
};
for (const [name, found] of all) {
  const [most, longest] = [quantile(found, 0.99), max(found)].map((gap) => gap.toFixed(0));
  note(`${name}: 99 % within ${most} µs, ${longest} µs at most, ${lateOf(name).toFixed(1)} % over ${limit} µs.`);
  if (name === ofWork.name) continue;
  goal(`Gaps over ${limit} µs, ${name}, beyond those of plain work`, lateOf(name) - lateOf(ofWork.name), 1, '%');
}
if (!available) note(`No cgroup here: ${reason}`);
for (const pid of busy) process.kill(pid, 'SIGKILL');
await profile('The longest gap between two turns of the event loop while it confirms', contestants);
for (const state of states) state.close();
killGroup(root);

// How long it takes until a freeze is known to have stopped everyone: beside a loop of kill and waitid in C, which blocks.
// And for how long at a time a confirmation that has to wait keeps the event loop from its other work.
import { availableParallelism, constants } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { FreezeMode, type FreezeOptions, FreezeState } from 'freeze-state';
import { max, median, quantile } from 'simple-statistics';
import { sleepers, spinners, Watch } from '../children.mjs';
import { floor } from '../floor.mjs';
import { type Contestant, interleave, microsecondsSince, print, ratio } from '../measure.mjs';

const { SIGSTOP, SIGCONT } = constants.signals;
const goal = 3;
const patience = 100;

interface Ways {
  /** A promise is awaited. */
  stop(): unknown;
  thaw(): void;
  /** Whether SIGCHLD tells of no stops: the library sets that itself. */
  readonly areNoticesQuiet?: boolean;
}

/** Times the way to stop them, and thaws. All of them sleep again before the next contestant's turn. */
function contestant(name: string, watch: Watch, { stop, thaw, areNoticesQuiet = false }: Ways): Contestant {
  return {
    name,
    sample: async () => {
      floor.resetChildNotices(areNoticesQuiet);
      const start = process.hrtime.bigint();
      const stopping = stop();
      if (stopping instanceof Promise) await stopping;
      const stopped = microsecondsSince(start);
      thaw();
      watch.awaitAsleep();
      for (let i = 0; i < 3; i += 1) await setImmediate();
      return { 'known to be stopped': stopped };
    },
  };
}

const byKill = (name: string, watch: Watch, pids: readonly number[], areNoticesQuiet: boolean): Contestant =>
  contestant(name, watch, {
    stop: () => floor.killAndAwait(pids, SIGSTOP),
    thaw: () => floor.killAll(pids, SIGCONT),
    areNoticesQuiet,
  });

const states: FreezeState[] = [];

function make(mode: FreezeMode, pids: readonly number[], options: FreezeOptions = {}): FreezeState {
  const state = FreezeState.withPids(mode, pids, options);
  states.push(state);
  return state;
}

async function confirm(state: FreezeState): Promise<number> {
  const { frozen, members, signalledNs } = await state.confirmFreezeAtEpoch(state.currentEpoch);
  if (!frozen || members.some(({ outcome }) => outcome !== 'stopped'))
    throw new Error(`${state.mode}: not all stopped`);
  return signalledNs / 1000;
}

const byConfirm = (name: string, watch: Watch, state: FreezeState): Contestant =>
  contestant(name, watch, { stop: () => confirm(state), thaw: () => state.unfreeze() });

/** What a freeze costs without the promise around it: it blocks as the loop in C does. */
const byFreeze = (name: string, watch: Watch, pids: readonly number[], state: FreezeState): Contestant =>
  contestant(name, watch, {
    stop: () => {
      state.freezeAtEpoch(state.currentEpoch);
      floor.awaitStopped(pids);
    },
    thaw: () => state.unfreeze(),
  });

const loopInC = 'kill and waitid in C';

async function sleeping(count: number, hasEveryMode: boolean): Promise<void> {
  // Each leads its group, for mode process-group; it makes no difference to the others.
  const pids = await sleepers(count, { detached: true });
  const watch = new Watch(pids);
  const all = [...pids];
  const watches = [watch];
  const contestants = [
    byKill(loopInC, watch, pids, true),
    byKill('the same, and SIGCHLD tells Node of each', watch, pids, false),
    byFreeze('freezeAtEpoch, then waitid in C', watch, pids, make(FreezeMode.Process, pids)),
    byConfirm('confirm, process', watch, make(FreezeMode.Process, pids)),
  ];
  if (hasEveryMode) {
    contestants.push(
      byConfirm('confirm, process, boost: false', watch, make(FreezeMode.Process, pids, { boost: false })),
      byConfirm('confirm, process-group', watch, make(FreezeMode.ProcessGroup, pids)),
      byConfirm('confirm, process-tree', watch, make(FreezeMode.ProcessTree, pids)),
    );
  }
  const { available, reason } = FreezeState.capabilities.modes.cgroup;
  if (hasEveryMode && available) {
    // Others, so that those above are where they were.
    const inside = await sleepers(count);
    all.push(...inside);
    watches.push(new Watch(inside));
    contestants.push(byConfirm('confirm, cgroup', watches[1] as Watch, make(FreezeMode.Cgroup, inside)));
  }
  const results = await interleave(contestants, count > 4 ? 200 : 500);
  print(`${count} sleeping ${count === 1 ? 'child' : 'children'} of Node's`, 'µs', results, loopInC);
  const times = ratio(results, 'known to be stopped', 'confirm, process', loopInC).toFixed(2);
  console.log(
    `confirm: ${times} times the C loop of kill and waitid (goal${count === 4 ? '' : ' with 4'}: at most ${goal})`,
  );
  if (hasEveryMode && !available) console.log(`No cgroup here: ${reason}`);
  for (const state of states.splice(0)) state.close();
  for (const one of watches) one.close();
  for (const pid of all) process.kill(pid, 'SIGKILL');
}

/** The longest gap between two turns of the event loop, in microseconds, less what of the first is not to count. */
async function longestGap(during: () => Promise<number>): Promise<number> {
  const gaps: number[] = [];
  let last = 0n;
  let isOver = false;
  // It asks for its next turn before the confirmation does, as everything does that was waiting already.
  const tick = (): void => {
    const now = process.hrtime.bigint();
    gaps.push(Number(now - last) / 1000);
    last = now;
    if (!isOver) globalThis.setImmediate(tick);
  };
  await setImmediate();
  globalThis.setImmediate(tick);
  last = process.hrtime.bigint();
  const excluded = await during();
  isOver = true;
  await setImmediate();
  const [first = 0, ...others] = gaps;
  return max([first - excluded, ...others]);
}

/** Keeps this thread busy, with nothing that lets another one run. */
function work(microseconds: number): void {
  const start = process.hrtime.bigint();
  while (microsecondsSince(start) < microseconds);
}

async function busy(count: number): Promise<void> {
  const pids = await spinners(count);
  const state = FreezeState.withPids(FreezeMode.Process, pids);
  const contestants: Contestant[] = [
    {
      name: 'nothing but 60 µs of work',
      sample: async () => {
        const gap = await longestGap(async () => {
          work(60);
          await setImmediate();
          return 0;
        });
        return { gap };
      },
    },
    {
      name: 'a confirmation',
      sample: async () => {
        const gap = await longestGap(() => confirm(state));
        state.unfreeze();
        return { gap };
      },
    },
  ];
  const results = await interleave(contestants, 200);
  console.log(`\nThe longest gap between two turns of the event loop, with ${count} busy, the signalling left out`);
  for (const [name, samples] of results) {
    const gaps = samples.get('gap') ?? [];
    const [middle, most, longest] = [median(gaps), quantile(gaps, 0.95), max(gaps)].map((gap) => gap.toFixed(0));
    const late = gaps.filter((gap) => gap > patience).length;
    console.log(
      `${name}: median ${middle} µs, 95 % within ${most} µs, maximum ${longest} µs; ` +
        `${late} of ${gaps.length} over ${patience} µs`,
    );
  }
  state.close();
  for (const pid of pids) process.kill(pid, 'SIGKILL');
}

for (const count of [4, 1, 16, 64]) await sleeping(count, count === 4);
for (const count of [1, availableParallelism(), 2 * availableParallelism()]) await busy(count);

// What a freeze of a sandbox costs until every thread in it is known to be stopped: beside a loop of kill in C that then
// sees them stopped in /proc. The sandboxes are real programs: Node runtimes that are parked, and a shell with many children.
import { constants } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { FreezeMode, FreezeState } from 'freeze-state';
import { family, killGroup, runtimes, Watch } from '../children.mjs';
import { goal, print, ratio } from '../findings.mjs';
import { floor } from '../floor.mjs';
import { type Contestant, interleave, microsecondsSince } from '../measure.mjs';

const { SIGSTOP, SIGCONT } = constants.signals;

interface Ways {
  /** Stops them; a promise is awaited. */
  stop(): unknown;
  thaw(): void;
  /** Before a sample, and after it. */
  open?(): void;
  close?(): void;
}

const figure = 'known to be stopped';

/** Times the way to stop them, and thaws. All of them sleep again before the next contestant's turn. */
function contestant(name: string, watch: Watch, { stop, thaw, open, close }: Ways): Contestant {
  return {
    name,
    sample: async () => {
      open?.();
      const start = process.hrtime.bigint();
      const stopping = stop();
      if (stopping instanceof Promise) await stopping;
      const stopped = microsecondsSince(start);
      thaw();
      close?.();
      watch.awaitAsleep();
      // The other threads of a runtime that have run.
      await setTimeout(1);
      return { [figure]: stopped };
    },
  };
}

function freeze(state: FreezeState): void {
  if (!state.freezeAtEpoch(state.currentEpoch)) throw new Error(`${state.mode}: not frozen`);
}

async function confirm(state: FreezeState): Promise<void> {
  const { isFrozen, members } = await state.confirmFreezeAtEpoch(state.currentEpoch);
  if (!isFrozen || members.some(({ outcome }) => outcome !== 'stopped'))
    throw new Error(`${state.mode}: not all stopped`);
}

const loopInC = 'kill in C, then each thread seen in /proc';
const again = 'process-tree, freezeAtEpoch';
const first = 'the same, the first of its state';
const confirmed = 'process-tree, confirmFreezeAtEpoch';

async function sandbox(
  title: string,
  roots: readonly number[],
  all: readonly number[],
  goals: Record<string, number>,
): Promise<void> {
  const watch = new Watch(all);
  const make = (mode: FreezeMode, pids: readonly number[]): FreezeState => FreezeState.withPids(mode, pids);
  const kept = make(FreezeMode.ProcessTree, roots);
  const tree = make(FreezeMode.ProcessTree, roots);
  const members = make(FreezeMode.Process, all);
  const states = [kept, tree, members];
  let fresh = kept;
  const contestants = [
    contestant(loopInC, watch, {
      stop: () => floor.killAndSee(all, SIGSTOP),
      thaw: () => floor.killAll(all, SIGCONT),
    }),
    contestant(again, watch, { stop: () => freeze(kept), thaw: () => kept.unfreeze() }),
    contestant(first, watch, {
      open: () => {
        fresh = make(FreezeMode.ProcessTree, roots);
      },
      stop: () => freeze(fresh),
      thaw: () => fresh.unfreeze(),
      close: () => fresh.close(),
    }),
    contestant(confirmed, watch, { stop: () => confirm(tree), thaw: () => tree.unfreeze() }),
    contestant('process, confirmFreezeAtEpoch', watch, {
      stop: () => confirm(members),
      thaw: () => members.unfreeze(),
    }),
  ];
  const results = await interleave(contestants, 100);
  print(title, 'µs', results, loopInC);
  for (const [name, atMost] of Object.entries(goals)) {
    goal(`${title}: ${name}, against the loop in C`, ratio(results, figure, name, loopInC), atMost);
  }
  for (const state of states) state.close();
  watch.close();
  for (const pid of roots) killGroup(pid);
}

const { roots, all } = await runtimes(3);
await sandbox('Three Node runtimes that are parked, one with a child', roots, all, {
  [again]: 0.7,
  [first]: 1,
  [confirmed]: 1.3,
});
const shell = await family([99]);
await sandbox('A shell with 99 sleepers', shell.slice(0, 1), shell, { [again]: 0.9, [first]: 1.5, [confirmed]: 1.3 });

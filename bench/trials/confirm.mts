// How long it takes until a freeze is known to have stopped everyone: beside a loop of kill and waitid in C, which blocks.
import { constants } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { FreezeMode, type FreezeOptions, FreezeState } from 'freeze-state';
import { sleepers, Watch } from '../children.mjs';
import { goal, note, print, ratio } from '../findings.mjs';
import { floor } from '../floor.mjs';
import { type Contestant, interleave } from '../measure.mjs';
import { profile, timed } from '../profile.mjs';

const { SIGSTOP, SIGCONT } = constants.signals;

const figure = 'known to be stopped';

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
      const took = await timed(figure, stop);
      thaw();
      watch.awaitAsleep();
      for (let i = 0; i < 3; i += 1) await setImmediate();
      return took;
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

async function confirm(state: FreezeState): Promise<void> {
  const { isFrozen, members } = await state.confirmFreezeAtEpoch(state.currentEpoch);
  if (!isFrozen || members.some(({ outcome }) => outcome !== 'stopped'))
    throw new Error(`${state.mode}: not all stopped`);
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
const seenInC = 'kill in C, then each seen in /proc';

/** By files that are kept open. This sees also that a process runs that its tracer has let run on. */
const bySeeing = (watch: Watch, pids: readonly number[]): Contestant =>
  contestant(seenInC, watch, {
    stop: () => {
      floor.killAll(pids, SIGSTOP);
      watch.awaitStopped();
    },
    thaw: () => floor.killAll(pids, SIGCONT),
    areNoticesQuiet: true,
  });

async function sleeping(count: number, hasEveryMode: boolean): Promise<void> {
  // Each leads its group, for mode process-group; it makes no difference to the others.
  const pids = await sleepers(count, { detached: true });
  const watch = new Watch(pids);
  const all = [...pids];
  const watches = [watch];
  const contestants = [
    byKill(loopInC, watch, pids, true),
    byKill('the same, and SIGCHLD tells Node of each', watch, pids, false),
    bySeeing(watch, pids),
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
  const title = `${count} sleeping ${count === 1 ? 'child' : 'children'} of Node's`;
  print(title, 'µs', results, loopInC);
  const times = ratio(results, figure, 'confirm, process', loopInC);
  goal(`A confirmation of ${count}, against kill and waitid in C`, times, count > 4 ? 1.5 : 3);
  if (hasEveryMode && !available) note(`No cgroup here: ${reason}`);
  if (count > 4) await profile(title, contestants);
  for (const state of states.splice(0)) state.close();
  for (const one of watches) one.close();
  for (const pid of all) process.kill(pid, 'SIGKILL');
}

for (const count of [4, 1, 16, 64]) await sleeping(count, count === 4);

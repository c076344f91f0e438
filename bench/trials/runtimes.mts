// What a freeze of a sandbox costs until every thread in it is known to be stopped: beside a loop of kill in C that then
// sees them stopped in /proc. The sandboxes are real programs: runtimes that are parked, a program with many threads as a
// JVM has, and a shell with many children.
import { closeSync, openSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { FreezeMode, FreezeState } from 'freeze-state';
import { type Family, family, killGroup, manyThreads, runtimes, scripts, Watch } from '../children.mjs';
import { goal, note, print, ratio } from '../findings.mjs';
import { floor } from '../floor.mjs';
import { type Contestant, interleave } from '../measure.mjs';
import { profile, timed } from '../profile.mjs';

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
      // As it is in a program without this package.
      floor.resetChildNotices();
      open?.();
      const took = await timed(figure, stop);
      thaw();
      close?.();
      watch.awaitAsleep();
      // The other threads of a runtime that have run.
      await setTimeout(1);
      return took;
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
const loopInNode = 'process.kill, which sees no stop';
const again = 'process-tree, freezeAtEpoch';
const first = 'the same, the first of its state';
const write = 'a write to cgroup.freeze, then cgroup.events read';
const confirmed = (mode: FreezeMode): string => `${mode}, confirmFreezeAtEpoch`;

/** The goals, in terms of the loop in C. */
interface Limits {
  readonly again: number;
  readonly first: number;
  readonly confirmed?: number;
}

const states: FreezeState[] = [];

function make(mode: FreezeMode, pids: readonly number[]): FreezeState {
  const state = FreezeState.withPids(mode, pids);
  states.push(state);
  return state;
}

function byConfirm(watch: Watch, mode: FreezeMode, pids: readonly number[]): Contestant {
  const state = make(mode, pids);
  return contestant(confirmed(mode), watch, { stop: () => confirm(state), thaw: () => state.unfreeze() });
}

async function sandbox(
  title: string,
  { roots, all }: Family,
  { confirmed: limit = 1.3, ...limits }: Limits,
): Promise<void> {
  const watch = new Watch(all);
  const tree = make(FreezeMode.ProcessTree, roots);
  let fresh = tree;
  const contestants = [
    contestant(loopInC, watch, {
      stop: () => floor.killAndSee(all, SIGSTOP),
      thaw: () => floor.killAll(all, SIGCONT),
    }),
    contestant(loopInNode, watch, {
      stop: () => {
        for (const pid of all) process.kill(pid, 'SIGSTOP');
      },
      thaw: () => floor.killAll(all, SIGCONT),
    }),
    contestant(again, watch, { stop: () => freeze(tree), thaw: () => tree.unfreeze() }),
    contestant(first, watch, {
      open: () => {
        fresh = FreezeState.withPids(FreezeMode.ProcessTree, roots);
      },
      stop: () => freeze(fresh),
      thaw: () => fresh.unfreeze(),
      close: () => fresh.close(),
    }),
    byConfirm(watch, FreezeMode.Process, all),
    byConfirm(watch, FreezeMode.ProcessTree, roots),
    byConfirm(watch, FreezeMode.ProcessGroup, roots),
  ];
  const files = hasCgroups ? addCgroup(contestants, watch, roots) : [];
  const results = await interleave(contestants, 100);
  print(title, 'µs', results, loopInC);
  const against = (name: string, base = loopInC): number => ratio(results, figure, name, base);
  goal(
    `${title}: process-tree, freezeAtEpoch, the second and later, against the loop in C`,
    against(again),
    limits.again,
  );
  goal(`${title}: process-tree, freezeAtEpoch, the first, against the loop in C`, against(first), limits.first);
  for (const mode of [FreezeMode.Process, FreezeMode.ProcessTree, FreezeMode.ProcessGroup]) {
    goal(`${title}: a confirmation in mode ${mode}, against the loop in C`, against(confirmed(mode)), limit);
  }
  if (hasCgroups) {
    const value = against(confirmed(FreezeMode.Cgroup), write);
    goal(`${title}: a confirmation in mode cgroup, against a write and the reads of its events`, value, 1.5);
  }
  await profile(title, contestants);
  for (const state of states.splice(0)) state.close();
  for (const file of files) closeSync(file);
  watch.close();
  for (const pid of roots) killGroup(pid);
}

/** From here on all of them are in a group of their own, which makes no difference to the others. */
function addCgroup(contestants: Contestant[], watch: Watch, roots: readonly number[]): number[] {
  contestants.push(byConfirm(watch, FreezeMode.Cgroup, roots));
  const group = states.at(-1)?.cgroup as string;
  const switchFile = openSync(join(group, 'cgroup.freeze'), 'r+');
  const events = openSync(join(group, 'cgroup.events'), 'r');
  contestants.push(
    contestant(write, watch, {
      stop: () => {
        writeSync(switchFile, '1', 0);
        floor.awaitText([events], 'frozen 1');
      },
      thaw: () => {
        writeSync(switchFile, '0', 0);
        floor.awaitText([events], 'frozen 0');
      },
    }),
  );
  return [switchFile, events];
}

const { available: hasCgroups, reason } = FreezeState.capabilities.modes.cgroup;
if (!hasCgroups) note(`No cgroup here: ${reason}`);
const real = { again: 0.7, first: 1 };
await sandbox('Three Node runtimes that are parked, one with a child', await runtimes(3), real);
await sandbox('A Python and a shell runtime that are parked, with children', await scripts(), real);
await sandbox('A program with 60 threads', await manyThreads(60), real);
// The loop looks about once at each thread.
await sandbox('A program with 1,000 threads', await manyThreads(1_000), { again: 3, first: 3, confirmed: 3 });
const shell = await family([99]);
await sandbox('A shell with 99 sleepers', { roots: shell.slice(0, 1), all: shell }, { again: 0.9, first: 1.5 });

// What a freeze of a sandbox costs until every thread in it is known to be stopped: beside a loop of kill in C that then
// sees them stopped in /proc. The sandboxes are real programs: runtimes that are parked, a program with many threads as a
// JVM has, and a shell with many children.
import { closeSync, openSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { scheduler, setTimeout } from 'node:timers/promises';
import { FreezeMode, FreezeState } from 'freeze-state';
import { type Family, family, killGroup, manyThreads, runtimes, scripts, Watch } from '../children.mjs';
import { type FoundProfile, goal, note, print, printProfile, ratio } from '../findings.mjs';
import { floor } from '../floor.mjs';
import { addTo, type Contestant, interleave, orQuick, type Results } from '../measure.mjs';
import { spentBy, timed } from '../profile.mjs';

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
const groupsInC = 'kill(-pgid) in C, then all of /proc searched and each thread seen';
const write = 'a write to cgroup.freeze, then cgroup.events read';
const checkedWrite = 'the same and what else a confirmation asks, in C, in the next turn';
const confirmed = (mode: FreezeMode): string => `${mode}, confirmFreezeAtEpoch`;

/** The goals, in terms of the loop in C. */
interface Limits {
  readonly again: number;
  readonly first: number;
  readonly confirmed?: number;
  /** Whether the ways are measured in groups: see {@link groupsOf}. */
  readonly isLarge?: boolean;
}

/** Closes what the ways that are measured now have open. */
const closers: (() => void)[] = [];

function make(mode: FreezeMode, pids: readonly number[]): FreezeState {
  const state = FreezeState.withPids(mode, pids);
  closers.push(() => state.close());
  return state;
}

function byConfirm(watch: Watch, state: FreezeState): Contestant {
  return contestant(confirmed(state.mode), watch, { stop: () => confirm(state), thaw: () => state.unfreeze() });
}

function byFreeze(watch: Watch, roots: readonly number[]): Contestant {
  const state = make(FreezeMode.ProcessTree, roots);
  return contestant(again, watch, { stop: () => freeze(state), thaw: () => state.unfreeze() });
}

function byFirstFreeze(watch: Watch, roots: readonly number[]): Contestant {
  let state: FreezeState;
  return contestant(first, watch, {
    open: () => {
      state = FreezeState.withPids(FreezeMode.ProcessTree, roots);
    },
    stop: () => freeze(state),
    thaw: () => state.unfreeze(),
    close: () => state.close(),
  });
}

function byCgroup(watch: Watch, roots: readonly number[]): Contestant[] {
  const state = make(FreezeMode.Cgroup, roots);
  const group = state.cgroup as string;
  const open = (file: string): number => openSync(join(group, file), file === 'cgroup.freeze' ? 'r+' : 'r');
  const files = ['cgroup.freeze', 'cgroup.events', 'cgroup.threads', 'cgroup.procs', '.'].map(open);
  const pidfds = floor.openPidfds(roots);
  closers.push(() => {
    for (const file of [...files, ...pidfds]) closeSync(file);
  });
  const [switchFile = -1, events = -1] = files;
  const set = (value: string): void => {
    writeSync(switchFile, value, 0);
    floor.awaitText([events], `frozen ${value}`);
  };
  const thaw = (): void => set('0');
  const freezeInNextTurn = async (): Promise<void> => {
    await scheduler.yield();
    floor.freezeWithChecks(files, pidfds);
  };
  return [
    byConfirm(watch, state),
    contestant(write, watch, { stop: () => set('1'), thaw }),
    contestant(checkedWrite, watch, { stop: freezeInNextTurn, thaw }),
  ];
}

/**
 * The ways, in groups. A process keeps 4,096 files of threads open at most, in all its states together; what is not kept is
 * opened each time. So of a large sandbox no more states are open at once than can keep all of its threads, as a state can
 * that is alone.
 */
function groupsOf(watch: Watch, { roots, all }: Family, isLarge: boolean): (() => Contestant[])[] {
  const continueAll = (): void => floor.killAll(all, SIGCONT);
  const inC = contestant(loopInC, watch, { stop: () => floor.killAndSee(all, SIGSTOP), thaw: continueAll });
  const stopInNode = (): void => {
    for (const pid of all) process.kill(pid, 'SIGSTOP');
  };
  const stopGroups = (): void =>
    floor.killGroupsAndSee(
      roots.map((pid) => -pid),
      SIGSTOP,
    );
  const inGroupsInC = contestant(groupsInC, watch, { stop: stopGroups, thaw: continueAll });
  const inNode = contestant(loopInNode, watch, { stop: stopInNode, thaw: continueAll });
  const confirmedIn = (mode: FreezeMode, pids = roots): Contestant => byConfirm(watch, make(mode, pids));
  const groups = [
    () => [inNode, byFreeze(watch, roots)],
    () => [byFirstFreeze(watch, roots), confirmedIn(FreezeMode.Process, all)],
    () => [confirmedIn(FreezeMode.ProcessTree), confirmedIn(FreezeMode.ProcessGroup), inGroupsInC],
    () => (hasCgroups ? byCgroup(watch, roots) : []),
  ];
  const withLoop = (ways: readonly (() => Contestant[])[]) => (): Contestant[] => [
    inC,
    ...ways.flatMap((way) => way()),
  ];
  return isLarge ? groups.map((group) => withLoop([group])) : [withLoop(groups)];
}

/** The groups take turns as well, so that a machine that becomes slower does so for all of them. */
const [turns, roundsOfTurn] = [orQuick(4, 1), 25];

async function sandbox(
  title: string,
  family: Family,
  { confirmed: limit = 1.3, isLarge = false, ...limits }: Limits,
): Promise<void> {
  const watch = new Watch(family.all);
  const groups = groupsOf(watch, family, isLarge);
  const results: Results = new Map();
  const rows = new Map<string, FoundProfile['rows'][0]>();
  for (let turn = 1; turn <= turns; turn += 1) {
    for (const group of groups) {
      const contestants = group();
      addTo(results, await interleave(contestants, roundsOfTurn));
      if (turn === turns) for (const row of (await spentBy(contestants)).get(figure) ?? []) rows.set(row.name, row);
      for (const close of closers.splice(0)) close();
    }
  }
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
  printProfile({ title, rows: [...rows.values()] });
  watch.close();
  for (const pid of family.roots) killGroup(pid);
}

const { available: hasCgroups, reason } = FreezeState.capabilities.modes.cgroup;
if (!hasCgroups) note(`No cgroup here: ${reason}`);
const real = { again: 0.7, first: 1 };
await sandbox('Three Node runtimes that are parked, one with a child', await runtimes(3), real);
await sandbox('A Python and a shell runtime that are parked, with children', await scripts(), real);
await sandbox('A program with 60 threads', await manyThreads(60), real);
// The loop looks about once at each thread.
await sandbox('A program with 1,000 threads', await manyThreads(1_000), {
  again: 3,
  first: 3,
  confirmed: 3,
  isLarge: true,
});
const shell = await family([99]);
await sandbox('A shell with 99 sleepers', { roots: shell.slice(0, 1), all: shell }, { again: 0.9, first: 1.5 });

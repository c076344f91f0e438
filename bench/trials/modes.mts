// What a freeze and a thaw of many cost in each mode: one group of 128 sleepers, trees of 100, and trees of Node processes.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join, relative } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { FreezeMode, type FreezeOptions, FreezeState } from 'freeze-state';
import { median } from 'simple-statistics';
import { family, killGroup, nodeFamily, sleepers, Watch } from '../children.mjs';
import { goal, note, print, ratio } from '../findings.mjs';
import { floor } from '../floor.mjs';
import { type Contestant, interleave, microsecondsSince, type Results } from '../measure.mjs';
import { profile, timed } from '../profile.mjs';

const { SIGSTOP, SIGCONT } = constants.signals;

interface Ways {
  freeze(): void;
  thaw(): void;
  awaitStopped(): void;
}

/** Freezes, awaits the stops, thaws: the microseconds of each. All of them sleep again before the next contestant's turn. */
function contestant(name: string, watch: Watch, ways: Ways): Contestant {
  return {
    name,
    sample: async () => {
      floor.resetChildNotices();
      const freezing = process.hrtime.bigint();
      const sent = await timed('freeze', ways.freeze);
      ways.awaitStopped();
      const stopped = microsecondsSince(freezing);
      const thawed = await timed('thaw', ways.thaw);
      watch.awaitAsleep();
      for (let i = 0; i < 3; i += 1) await setImmediate();
      return { ...sent, stopped, ...thawed };
    },
  };
}

const byKill = (name: string, watch: Watch, pids: readonly number[]): Contestant =>
  contestant(name, watch, {
    freeze: () => floor.killAll(pids, SIGSTOP),
    thaw: () => floor.killAll(pids, SIGCONT),
    awaitStopped: () => watch.awaitStopped(),
  });

const states: FreezeState[] = [];

function make(mode: FreezeMode, pids: readonly number[], options: FreezeOptions = {}): FreezeState {
  const state = FreezeState.withPids(mode, pids, options);
  states.push(state);
  return state;
}

const byState = (
  name: string,
  watch: Watch,
  state: FreezeState,
  awaitStopped = () => watch.awaitStopped(),
): Contestant =>
  contestant(name, watch, {
    freeze: () => {
      if (!state.freezeAtEpoch(state.currentEpoch)) throw new Error(`${name}: not frozen`);
    },
    thaw: () => state.unfreeze(),
    awaitStopped,
  });

const loopInC = 'kill loop in C, from Node';

const loopOverChildren = "the same over as many children of Node's";

/** The lines that say whether the goal is met: a stop of a child of Node's costs more, since Node is told of it. */
function compare(results: Results, name: string, atMost: number): void {
  for (const figure of ['freeze', 'thaw']) {
    goal(`A ${figure} in mode ${name}, against the loop in C`, ratio(results, figure, name, loopInC), atMost);
    const children = ratio(results, figure, name, loopOverChildren).toFixed(2);
    note(`A ${figure} in mode ${name} takes ${children} times as long as a loop over as many children of Node's.`);
  }
}

/** The microseconds that the watch needs to look once at each, which is in the time until they have stopped. */
function lookingTime(pids: readonly number[], watch: Watch): number {
  floor.killAll(pids, SIGSTOP);
  watch.awaitStopped();
  const times = Array.from({ length: 50 }, () => {
    const start = process.hrtime.bigint();
    watch.awaitStopped();
    return microsecondsSince(start);
  });
  floor.killAll(pids, SIGCONT);
  watch.awaitAsleep();
  return median(times);
}

/** The directory of the control group of version 2 that the process is in. */
function cgroupOf(pid: number): string {
  const path = readFileSync(`/proc/${pid}/cgroup`, 'utf8').match(/^0::(.*)$/m)?.[1];
  const [, root, point] =
    readFileSync('/proc/self/mountinfo', 'utf8').match(/^\d+ \d+ \S+ (\S+) (\S+) .* - cgroup2 /m) ?? [];
  if (path === undefined || root === undefined || point === undefined) throw new Error(`${pid} is in no cgroup.`);
  return join(point, relative(root, path));
}

function closeStates(): void {
  for (const state of states.splice(0)) state.close();
}

async function group(): Promise<void> {
  const pids = await family([127]);
  const leader = pids.slice(0, 1);
  const leaders = [...leader];
  const watch = new Watch(pids);
  const watches = [watch];
  const files: number[] = [];
  // For comparison: processes that are members in mode process usually are children.
  const children = await sleepers(pids.length);
  const childrenWatch = new Watch(children);
  watches.push(childrenWatch);
  const contestants = [
    byKill(loopInC, watch, pids),
    byKill(loopOverChildren, childrenWatch, children),
    byState('process', watch, make(FreezeMode.Process, pids)),
    byState('process, boost: false', watch, make(FreezeMode.Process, pids, { boost: false })),
    byKill(
      'kill(-pgid) in C, from Node',
      watch,
      leader.map((pid) => -pid),
    ),
    byState('process-group', watch, make(FreezeMode.ProcessGroup, leader)),
  ];
  const { available, reason } = FreezeState.capabilities.modes.cgroup;
  if (available) {
    const state = make(FreezeMode.Cgroup, []);
    // What it forks is in the cgroup as well.
    const inside = await family([127], (pid) => state.registerPid(pid));
    const insideWatch = new Watch(inside);
    watches.push(insideWatch);
    const directory = cgroupOf(inside[0] as number);
    leaders.push(...inside.slice(0, 1));
    const freezer = openSync(join(directory, 'cgroup.freeze'), 'r+');
    const events = openSync(join(directory, 'cgroup.events'), 'r');
    files.push(freezer, events);
    const awaitStopped = (): void => floor.awaitText([events], 'frozen 1');
    contestants.push(
      contestant('writeSync to cgroup.freeze', insideWatch, {
        freeze: () => writeSync(freezer, '1', 0),
        thaw: () => writeSync(freezer, '0', 0),
        awaitStopped,
      }),
      byState('cgroup', insideWatch, state, awaitStopped),
    );
  }
  const results = await interleave(contestants, 100);
  const title = `A group of ${pids.length} sleepers`;
  print(title, 'µs', results, loopInC);
  note(`Up to ${lookingTime(pids, watch).toFixed(0)} µs of "stopped" is one look at each in /proc.`);
  compare(results, 'process-group', 0.6);
  if (available) compare(results, 'cgroup', 0.6);
  else note(`No cgroup here: ${reason}`);
  await profile(title, contestants);
  closeStates();
  for (const file of files) closeSync(file);
  for (const one of watches) one.close();
  for (const pid of leaders) killGroup(pid);
  for (const pid of children) process.kill(pid, 'SIGKILL');
}

async function tree(shape: string, pids: readonly number[]): Promise<void> {
  const root = pids.slice(0, 1);
  const watch = new Watch(pids);
  const results = await interleave(
    [
      byKill(loopInC, watch, pids),
      byState('process', watch, make(FreezeMode.Process, pids)),
      byState('process-tree', watch, make(FreezeMode.ProcessTree, root)),
    ],
    100,
  );
  print(`A tree of ${pids.length} ${shape}`, 'µs', results, loopInC);
  const each = median(results.get('process-tree')?.get('freeze') ?? []) / pids.length;
  note(
    `process-tree: ${each.toFixed(1)} µs for each process, ` +
      `${ratio(results, 'freeze', 'process-tree', loopInC).toFixed(2)} times the loop in C; one look at each in /proc, by ` +
      `a file that is open already, is ${(lookingTime(pids, watch) / pids.length).toFixed(1)} µs.`,
  );
  closeStates();
  watch.close();
  killGroup(pids[0] as number);
}

await group();
await tree('sleepers, all of them children of the first', await family([99]));
await tree('sleepers, in 4 levels', await family([3, 4, 7]));
await tree('Node processes, children of the first', await nodeFamily(4));
await tree('Node processes, children of the first', await nodeFamily(16));

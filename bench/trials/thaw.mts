// How long members stand still once the emulator thaws them: from just before the call to the first thing that the first
// and the last of them does. Members write down the time themselves, in memory that they share with this process.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { FreezeMode, type FreezeOptions, FreezeState } from 'freeze-state';
import { statField } from '../../test/helpers/proc.js';
import { until } from '../../test/helpers/until.js';
import { note, print, ratio } from '../findings.mjs';
import { floor } from '../floor.mjs';
import { type Contestant, interleave } from '../measure.mjs';
import { Stampers } from '../stampers.mjs';

const { SIGSTOP, SIGCONT } = constants.signals;

interface Ways {
  freeze(): void;
  thaw(): void;
  /** By the states of the members where it is not given. */
  areStopped?(): boolean;
}

/**
 * Milliseconds for which the members stay frozen, and this process sleeps, as between two invocations. It waits for everything
 * without spinning: the scheduler lets the targets of a thread that has just computed for long preempt it sooner.
 */
const pause = 1;

const areAll = (pids: readonly number[], letter: string): boolean => pids.every((pid) => statField(pid, 3) === letter);

function contestant(name: string, stampers: Stampers, ways: Ways): Contestant {
  const { pids } = stampers;
  return {
    name,
    sample: async () => {
      floor.resetChildNotices();
      ways.freeze();
      await until(() => ways.areStopped?.() ?? areAll(pids, 'T'), 'all members have stopped');
      await setTimeout(pause);
      const start = process.hrtime.bigint();
      ways.thaw();
      const figures = await stampers.ranAgain(start);
      await until(() => areAll(pids, 'S'), 'all members sleep again');
      return figures;
    },
  };
}

const states: FreezeState[] = [];

async function measure(count: number, rounds: number): Promise<void> {
  const children = await Stampers.children(count);
  const tree = await Stampers.tree(count);
  const closing = [() => children.close(), () => tree.close()];

  const byKill = (name: string, kill: (pids: readonly number[], signal: number) => void): Contestant => {
    const { pids } = children;
    return contestant(name, children, { freeze: () => kill(pids, SIGSTOP), thaw: () => kill(pids, SIGCONT) });
  };
  const byState = (
    name: string,
    mode: FreezeMode,
    pids: readonly number[],
    stampers: Stampers,
    options: FreezeOptions = {},
  ): Contestant => {
    const state = FreezeState.withPids(mode, pids, options);
    states.push(state);
    return contestant(name, stampers, {
      freeze: () => {
        if (!state.freezeAtEpoch(state.currentEpoch)) throw new Error(`${name}: not frozen`);
      },
      thaw: () => state.unfreeze(),
    });
  };

  const root = tree.pids.slice(0, 1);
  const contestants = [
    byKill(loopInC, floor.killAll),
    byKill('process.kill loop', (pids, signal) => {
      for (const pid of pids) process.kill(pid, signal);
    }),
    byState('process', FreezeMode.Process, children.pids, children),
    byState('process, boost: false', FreezeMode.Process, children.pids, children, { boost: false }),
    byState('process-tree', FreezeMode.ProcessTree, root, tree),
    byState('process-group', FreezeMode.ProcessGroup, root, tree),
  ];
  const { available, reason } = FreezeState.capabilities.modes.cgroup;
  if (available) contestants.push(...(await inCgroup(count, closing)));

  const results = await interleave(contestants, rounds);
  print(`${count} members, from the call that thaws them to their first instruction`, 'µs', results, loopInC);
  const against = (name: string): string => ratio(results, 'last member', name, loopInC).toFixed(2);
  note(`${count} members: the last one runs after ${against('process')} times what it takes with the loop in C.`);
  if (!available) note(`No cgroup here: ${reason}`);
  for (const state of states.splice(0)) state.close();
  for (const close of closing) close();
}

/** Members of one cgroup, frozen and thawed by the state and by hand. */
async function inCgroup(count: number, closing: (() => void)[]): Promise<Contestant[]> {
  const inside = await Stampers.tree(count);
  const state = FreezeState.withPids(FreezeMode.Cgroup, inside.pids);
  states.push(state);
  const directory = state.cgroup as string;
  const freezer = openSync(join(directory, 'cgroup.freeze'), 'r+');
  closing.push(
    () => closeSync(freezer),
    () => inside.close(),
  );
  const areStopped = (): boolean => readFileSync(join(directory, 'cgroup.events'), 'latin1').includes('frozen 1');
  return [
    contestant('writeSync to cgroup.freeze', inside, {
      freeze: () => writeSync(freezer, '1', 0),
      thaw: () => writeSync(freezer, '0', 0),
      areStopped,
    }),
    contestant('cgroup', inside, {
      freeze: () => {
        if (!state.freezeAtEpoch(state.currentEpoch)) throw new Error('cgroup: not frozen');
      },
      thaw: () => state.unfreeze(),
      areStopped,
    }),
  ];
}

const loopInC = 'kill loop in C, from Node';

await measure(4, 300);
await measure(64, 150);
process.exit();

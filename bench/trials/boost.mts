// From how many members on a loop of signals in a real-time class pays for entering and leaving the class: the same loop in C
// without it and in it, and a state without and with `boost`, which enters the class from a number of members on.
import { constants } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { FreezeMode, FreezeState } from 'freeze-state';
import { Watch } from '../children.mjs';
import { note, print, ratio } from '../findings.mjs';
import { floor } from '../floor.mjs';
import { type Contestant, interleave, microsecondsSince, orQuick, type Results } from '../measure.mjs';
import { Stampers } from '../stampers.mjs';

const { SIGSTOP, SIGCONT } = constants.signals;

if (!FreezeState.capabilities.boost) {
  note('This user may not enter a real-time class.');
  process.exit();
}

/**
 * Milliseconds between two loops, as an emulator sleeps between two invocations. This thread waits for everything without
 * spinning, too: the scheduler lets the targets of a thread that has just computed for long preempt it sooner.
 */
const pause = 1;

interface Ways {
  freeze(): void;
  thaw(): void;
}

/**
 * The calls, until the last member has stopped, and until the first and the last of them run again. Nobody is told of stops,
 * as with a state, so that the class is all that differs.
 */
function contestant(name: string, stampers: Stampers, watch: Watch, { freeze, thaw }: Ways): Contestant {
  return {
    name,
    sample: async () => {
      floor.resetChildNotices(true);
      await setTimeout(pause);
      const freezing = process.hrtime.bigint();
      freeze();
      const sent = microsecondsSince(freezing);
      floor.awaitStopped(stampers.pids);
      const stopped = microsecondsSince(freezing);
      await setTimeout(pause);
      const thawing = process.hrtime.bigint();
      thaw();
      const thawed = microsecondsSince(thawing);
      const ran = await stampers.ranAgain(thawing);
      await setTimeout(pause);
      watch.awaitAsleep();
      return { freeze: sent, stopped, thaw: thawed, ...ran };
    },
  };
}

const [loop, loopInRealTime] = ['kill loop in C', 'kill loop in C, SCHED_FIFO'];

async function measure(count: number): Promise<Results> {
  const stampers = await Stampers.children(count);
  const { pids } = stampers;
  const watch = new Watch(pids);
  const byKill = (name: string, kill: (pids: readonly number[], signal: number) => void): Contestant =>
    contestant(name, stampers, watch, { freeze: () => kill(pids, SIGSTOP), thaw: () => kill(pids, SIGCONT) });
  const states: FreezeState[] = [];
  const byState = (name: string, boost: boolean): Contestant => {
    const state = FreezeState.withPids(FreezeMode.Process, pids, { boost });
    states.push(state);
    return contestant(name, stampers, watch, {
      freeze: () => state.freezeAtEpoch(state.currentEpoch),
      thaw: () => state.unfreeze(),
    });
  };
  const results = await interleave(
    [
      byKill(loop, floor.killAll),
      byKill(loopInRealTime, floor.killAllInRealTime),
      byState('FreezeState, boost: false', false),
      byState('FreezeState', true),
    ],
    count > 16 ? 150 : 300,
  );
  print(`${count} ${count === 1 ? 'member' : 'members'}`, 'µs', results, loop);
  for (const state of states) state.close();
  watch.close();
  stampers.close();
  return results;
}

const counts = orQuick([1, 2, 4, 6, 8, 10, 12, 16, 24, 32, 64, 128], [1, 16, 64]);
const found = new Map<number, Results>();
for (const count of counts) found.set(count, await measure(count));

/** The least of the counts from which on the class makes the figure no greater; undefined where there is none. */
function paysFrom(figure: string): number | undefined {
  const pays = (count: number): boolean => ratio(found.get(count) as Results, figure, loopInRealTime, loop) <= 1;
  return counts.find((_, index) => counts.slice(index).every(pays));
}

console.log();
for (const figure of ['freeze', 'stopped', 'thaw', 'first member', 'last member']) {
  const from = paysFrom(figure);
  note(`${figure}: the class ${from === undefined ? 'never pays' : `pays from ${from} members on`}.`);
}
process.exit();

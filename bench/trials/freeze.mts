// What a freeze and a thaw of children that Node spawned cost: the call itself, when the last child has stopped, and the
// next turn of the event loop.
import { constants } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { FreezeMode, type FreezeOptions, FreezeState } from 'freeze-state';
import { sleepers } from '../children.mjs';
import { goal, print, ratio } from '../findings.mjs';
import { floor } from '../floor.mjs';
import { type Contestant, interleave, microsecondsSince } from '../measure.mjs';

const { SIGSTOP, SIGCONT } = constants.signals;

/** Freezes, awaits the stops, takes a turn of the event loop, thaws, takes another: the microseconds of each. */
async function cycle(pids: number[], freeze: () => void, thaw: () => void): Promise<Record<string, number>> {
  floor.resetChildNotices();
  const freezing = process.hrtime.bigint();
  freeze();
  const sent = microsecondsSince(freezing);
  floor.awaitStopped(pids);
  const stopped = microsecondsSince(freezing);
  const turning = process.hrtime.bigint();
  await setImmediate();
  const turn = microsecondsSince(turning);
  const thawing = process.hrtime.bigint();
  thaw();
  const thawed = microsecondsSince(thawing);
  // The children settle and the notices are dealt with before the next contestant's turn.
  for (let i = 0; i < 3; i += 1) await setImmediate();
  return { freeze: sent, stopped, 'next turn': turn, thaw: thawed };
}

function ours(name: string, pids: number[], options: FreezeOptions, childStopNotices = false): Contestant {
  const state = FreezeState.withPids(FreezeMode.Process, pids, options);
  return {
    name,
    sample: () => {
      FreezeState.childStopNotices = childStopNotices;
      return cycle(
        pids,
        () => state.freezeAtEpoch(state.currentEpoch),
        () => state.unfreeze(),
      );
    },
  };
}

const loopInC = 'kill loop in C, from Node';

for (const count of [1, 4, 16, 64, 128]) {
  const pids = await sleepers(count);
  const contestants: Contestant[] = [
    {
      name: loopInC,
      sample: () =>
        cycle(
          pids,
          () => floor.killAll(pids, SIGSTOP),
          () => floor.killAll(pids, SIGCONT),
        ),
    },
    {
      name: 'process.kill loop',
      sample: () =>
        cycle(
          pids,
          () => {
            for (const pid of pids) process.kill(pid, 'SIGSTOP');
          },
          () => {
            for (const pid of pids) process.kill(pid, 'SIGCONT');
          },
        ),
    },
    ours('FreezeState', pids, {}),
    ours('FreezeState, boost: false', pids, { boost: false }),
    ours('FreezeState, childStopNotices', pids, {}, true),
  ];
  const results = await interleave(contestants, count > 16 ? 100 : 300);
  print(`${count} sleeping ${count === 1 ? 'child' : 'children'} of Node's`, 'µs', results, loopInC);
  const against = (figure: string): number => ratio(results, figure, 'FreezeState', loopInC);
  if (count === 1) goal('A freeze of 1 child until it has stopped, against the loop in C', against('stopped'), 0.8);
  if (count === 4) goal('A freeze of 4 children, against the loop in C', against('freeze'), 1);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
}

// The freeze of four children once more, as an emulator does it that is idle in between: a millisecond passes before each, in
// which the processors go to sleep and other programs take the caches. The children sleep in pause(2), and each round is over
// once /proc has shown all of them stopped, and running again.
import { constants } from 'node:os';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { FreezeMode, type FreezeOptions, FreezeState } from 'freeze-state';
import { sleepers, Watch } from '../children.mjs';
import { goal, print, ratio } from '../findings.mjs';
import { floor } from '../floor.mjs';
import { type Contestant, interleave, microsecondsSince } from '../measure.mjs';

const { SIGSTOP, SIGCONT } = constants.signals;

/** Milliseconds between two freezes. */
const pause = 1;

const pids = await sleepers(4, {}, 'infinity');
const watch = new Watch(pids);

interface Ways {
  freeze(): void;
  thaw(): void;
  /** Whether SIGCHLD tells of no stops. */
  readonly areNoticesQuiet: boolean;
}

const contestant = (name: string, { freeze, thaw, areNoticesQuiet }: Ways): Contestant => ({
  name,
  sample: async () => {
    floor.resetChildNotices(areNoticesQuiet);
    await setTimeout(pause);
    const freezing = process.hrtime.bigint();
    freeze();
    const sent = microsecondsSince(freezing);
    watch.awaitStopped();
    const stopped = microsecondsSince(freezing);
    await setTimeout(pause);
    const thawing = process.hrtime.bigint();
    thaw();
    const thawed = microsecondsSince(thawing);
    watch.awaitAsleep();
    for (let i = 0; i < 3; i += 1) await setImmediate();
    return { freeze: sent, stopped, thaw: thawed };
  },
});

const byKill = (name: string, areNoticesQuiet: boolean): Contestant =>
  contestant(name, {
    freeze: () => floor.killAll(pids, SIGSTOP),
    thaw: () => floor.killAll(pids, SIGCONT),
    areNoticesQuiet,
  });

function byState(name: string, options: FreezeOptions = {}): Contestant {
  const state = FreezeState.withPids(FreezeMode.Process, pids, options);
  // Read when the work ended, before the rest: only a freeze at that epoch is one of an emulator that is still idle.
  let epoch = state.currentEpoch;
  return contestant(name, {
    freeze: () => state.freezeAtEpoch(epoch),
    thaw: () => {
      state.unfreeze();
      epoch = state.currentEpoch;
    },
    // As its own last freeze has left it.
    areNoticesQuiet: true,
  });
}

const loopInC = 'kill loop in C, from Node';

const results = await interleave(
  [
    byKill(loopInC, false),
    byKill('the same, and SIGCHLD tells Node of no stops', true),
    byState('FreezeState'),
    byState('FreezeState, guardian: false', { guardian: false }),
  ],
  500,
);
print("4 children of Node's that sleep in pause(2), frozen every few milliseconds", 'µs', results, loopInC);
for (const figure of ['freeze', 'thaw']) {
  const against = ratio(results, figure, 'FreezeState', loopInC);
  goal(`A ${figure} of 4 children after a millisecond's rest, against the loop in C`, against, 1);
}
for (const pid of pids) process.kill(pid, 'SIGKILL');
process.exit();

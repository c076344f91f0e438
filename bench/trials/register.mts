// What it costs to register one process in mode cgroup, and sixteen at once: the kernel waits for a grace period before it moves
// one, and not again while moves follow each other.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { FreezeMode, FreezeState } from 'freeze-state';
import { sleepers } from '../children.mjs';
import { goal, note, print, ratio } from '../findings.mjs';
import { type Contestant, interleave } from '../measure.mjs';
import { profile, timed } from '../profile.mjs';

const many = 16;
/** Milliseconds without a move after which the kernel waits for a grace period again. */
const pause = 100;

const { available, reason } = FreezeState.capabilities.modes.cgroup;
if (!available) {
  note(`No cgroup here: ${reason}`);
  process.exit();
}

/** Members that are moved in for the sample, and out again after it. */
async function contestant(name: string, count: number): Promise<Contestant> {
  const pids = await sleepers(count);
  return {
    name,
    sample: async () => {
      const state = new FreezeState(FreezeMode.Cgroup);
      await setTimeout(pause);
      const took = await timed('call', () => state.registerPids(pids));
      state.close();
      return took;
    },
  };
}

const groupOf = (state: FreezeState): string => state.cgroup as string;

/** The same moves by hand, and no look for descendants. */
async function byHand(name: string): Promise<Contestant> {
  const pids = await sleepers(many);
  // The group is made for the first member.
  const state = new FreezeState(FreezeMode.Cgroup, (await sleepers(1))[0]);
  const moveTo = (directory: string): void => {
    for (const pid of pids) writeFileSync(join(directory, 'cgroup.procs'), String(pid));
  };
  return {
    name,
    sample: async () => {
      await setTimeout(pause);
      const took = await timed('call', () => moveTo(groupOf(state)));
      moveTo(dirname(groupOf(state)));
      return took;
    },
  };
}

const [one, all] = ['one', `${many} at once`];
const contestants = [await contestant(one, 1), await contestant(all, many), await byHand(`${many} bare writes`)];
const results = await interleave(contestants, 30);
const title = 'registerPids in mode cgroup';
print(title, 'µs', results, one);
goal(`Registering ${all} in mode cgroup, against ${one}`, ratio(results, 'call', all, one), 1.2);
await profile(title, contestants, 20);
note(
  'That is of a quiet machine: where others move processes the kernel does not wait, and where it is busy each move waits for ' +
    'a processor.',
);
process.exit();

import { FreezeMode, FreezeState } from 'freeze-state';
import { expect, it } from 'vitest';
import { signallingModes } from '../helpers/modes';
import { family } from '../helpers/processes';

/**
 * Probes, by files that are open from the one before. In a tree each thread is also asked for its children, which takes as
 * long as to probe it. Of a process in a group nothing is held open, so each thread's file is opened, which takes twice
 * as long.
 */
const goalOf = (mode: FreezeMode): number => (mode === FreezeMode.Process ? 3 : 6);

// The kernel freezes a cgroup with all threads in it; they need not be probed.
it.each(signallingModes.filter((mode) => mode !== FreezeMode.Cgroup))(
  'a confirmation of a process with 1,000 threads takes a few times as long as one probe of all of them, in mode %s',
  async (mode) => {
    const { pid } = await family(['threads', '1000'], 1);
    using state = new FreezeState(mode, pid);
    const goal = goalOf(mode);
    /** The least milliseconds that each has taken: other work may hold up any of them. */
    const least = {
      freeze: Number.POSITIVE_INFINITY,
      confirm: Number.POSITIVE_INFINITY,
      probe: Number.POSITIVE_INFINITY,
    };
    const isReached = (): boolean => least.confirm <= goal * least.probe && least.freeze <= 2 * goal * least.probe;
    async function measure(what: keyof typeof least, operation: () => unknown): Promise<void> {
      const begin = performance.now();
      await operation();
      least[what] = Math.min(least[what], performance.now() - begin);
    }
    for (let epoch = 0; epoch < 20; epoch += 1) {
      const confirm = async (): Promise<void> => {
        expect(await state.confirmFreezeAtEpoch(epoch, { timeout: 20_000 })).toMatchObject({ isFrozen: true });
      };
      // The threads have to stop meanwhile. The second confirmation finds them stopped.
      await measure('freeze', confirm);
      await measure('confirm', confirm);
      await measure('probe', () => expect(state.inspect()[0]?.state).toBe('stopped'));
      state.unfreeze();
      if (isReached()) break;
    }
    expect(least.confirm).toBeLessThanOrEqual(goal * least.probe);
    expect(least.freeze).toBeLessThanOrEqual(2 * goal * least.probe);
  },
  60_000,
);
